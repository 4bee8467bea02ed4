// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Whatever a store gives back for a server's state, and whatever lies in a table file, is read or
// refused; what is read is written and read the same again. The first byte says which of the two,
// and whether a block of a table gets its right checksum.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <troupe/stored_state.hpp>

#include "storage/crc32c.hpp"
#include "storage/table_image.hpp"

namespace {

using namespace troupe;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_record(std::string_view bytes) {
  for (std::string_view kind : {detail::state_kind, detail::snapshot_kind, detail::event_kind}) {
    const auto record = detail::decode_record(kind, bytes, "key");
    if (!record) continue;
    const std::string again =
        detail::encode_record(kind, record->version, record->saved_at, record->value);
    const auto same = detail::decode_record(kind, again, "key");
    require(same && same->value == record->value && same->version == record->version);
  }
}

void read_table(std::string_view bytes) {
  const auto entries = storage::parse_table(bytes, "file");
  if (!entries) return;
  const auto same = storage::parse_table(storage::table_image(*entries), "file");
  require(same && *same == *entries);
}

// One block with its length and sum before it, and the block that counts one entry.
std::string sealed(std::string_view block) {
  std::string bytes = "TRPTAB1\n";
  for (std::string_view part : {block, std::string_view{"\x83\x61\x01"}}) {
    for (std::uint32_t number : {static_cast<std::uint32_t>(part.size()), storage::crc32c(part)}) {
      for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
    }
    bytes += part;
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 3) {
    case 0:
      read_record(rest);
      break;
    case 1:
      read_table(rest);
      break;
    default:
      read_table(sealed(rest));
  }
  return 0;
}
