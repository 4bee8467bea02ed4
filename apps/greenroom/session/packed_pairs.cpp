// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/packed_pairs.hpp"

namespace greenroom {
namespace {

// Reads a length and the bytes it announces; `at` moves behind them. False for what is cut off, too
// long, or not written in the shortest way.
bool read_string(std::string_view bytes, std::size_t& at, std::string_view& found) {
  std::uint64_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (at == bytes.size() || shift > 28) return false;
    auto byte = static_cast<unsigned char>(bytes[at++]);
    length |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte == 0 && shift > 0) return false;
    break;
  }
  if (length > bytes.size() - at) return false;
  found = bytes.substr(at, static_cast<std::size_t>(length));
  at += static_cast<std::size_t>(length);
  return true;
}

}  // namespace

bool PackedPairs::next() {
  PackedPair found;
  found.begin = pair_.end;
  std::size_t at = pair_.end;
  if (at == bytes_.size() || !read_string(bytes_, at, found.field)) return false;
  found.value_begin = at;
  if (!read_string(bytes_, at, found.value)) return false;
  found.end = at;
  pair_ = found;
  return true;
}

PackedLength::PackedLength(std::size_t length) {
  do {
    auto low = static_cast<unsigned char>(length & 0x7f);
    length >>= 7;
    bytes_[size_++] = static_cast<char>(low | (length > 0 ? 0x80 : 0));
  } while (length > 0);
}

}  // namespace greenroom
