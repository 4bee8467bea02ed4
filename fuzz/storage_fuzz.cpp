// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Whatever lies on the disk, opening a store answers; it does not crash, and what it accepts it
// accepts the same way again. The first byte says what the rest is: log records and snapshots, raw
// or sealed with right checksums (else nothing behind a checksum would be reached), or one of the
// text files.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include <troupe/storage.hpp>

#include "storage/files_records.hpp"
#include "storage/log_format.hpp"
#include "storage/log_recovery.hpp"
#include "storage/manifest.hpp"
#include "storage/simulated_disk.hpp"

namespace {

using namespace troupe::storage;
using State = std::map<std::string, std::string>;

void require(bool condition) {
  if (!condition) std::abort();
}

// Pieces of up to 255 bytes, each with its length before it, as the payloads of records in order.
std::string sealed_records(std::string_view input, std::uint32_t seed) {
  std::string bytes;
  std::string record;
  for (std::uint64_t sequence = 1; !input.empty(); ++sequence) {
    const auto length = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    log::begin_record(record);
    record += input.substr(0, length);
    log::seal_record(record, seed, sequence, sequence / 2);
    bytes += record;
    input.remove_prefix(std::min<std::size_t>(length, input.size()));
  }
  return bytes;
}

Result<State> open_and_read(SimulatedDisk& disk) {
  auto store = open_log("/log", {.preallocate_bytes = 0, .disk = &disk});
  if (!store) return std::unexpected(store.error());
  State state;
  require((*store)
              ->for_each("", [&](std::string_view key,
                                 std::string_view value) { state.emplace(key, value); })
              .has_value());
  disk.die_after(0);
  store->reset();
  disk.cut_power(SimulatedDisk::Survival::nothing, 0);
  return state;
}

void open_log_with(const std::string& snapshot, const std::string& records) {
  SimulatedDisk disk;
  require(disk.make_directory("/log").has_value() && disk.sync_directory("/").has_value());
  const std::uint64_t through = snapshot.empty() ? 0 : 7;
  const log::FileHeader header{false, through + 1, 42, 0};
  disk.set_bytes(log::log_path("/log", through + 1), log::encode(header) + records);
  if (!snapshot.empty()) {
    const log::FileHeader other{true, through, 42, 0};
    disk.set_bytes(log::snapshot_path("/log", through), log::encode(other) + snapshot);
  }
  const auto state = open_and_read(disk);
  if (!state) return;
  const auto again = open_and_read(disk);
  require(again.has_value() && *again == *state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::string text{rest};
  switch (data[0] % 6) {
    case 0:
      open_log_with("", text);
      break;
    case 1:
      open_log_with("", sealed_records(rest, log::checksum_seed(42)));
      break;
    case 2:
      open_log_with(text + "?", "");
      break;
    case 3:
      open_log_with(sealed_records(rest, log::checksum_seed(42)), "");
      break;
    case 4:
      if (const auto manifest = parse_manifest(rest, "manifest")) {
        require(parse_manifest(manifest->text(), "manifest").has_value());
      }
      break;
    default:
      if (const auto sum = files::parse_sum(rest)) {
        require(files::parse_sum(files::text_of(*sum)).has_value());
      }
      if (const auto steps = files::parse_journal(rest)) {
        require(files::parse_journal(files::text_of(*steps)).has_value());
      }
  }
  return 0;
}
