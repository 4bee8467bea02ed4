// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/etf_compress.hpp"

#include <algorithm>
#include <limits>
#include <zlib.h>

#include "term/etf_tags.hpp"

namespace troupe::detail {
namespace {

// Deflate codes at most 258 bytes in two bits (zlib's technical details give 1032:1).
constexpr std::size_t max_ratio = 1'032;

const Bytef* input(std::string_view bytes) noexcept {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

}  // namespace

void compress_term(std::string& bytes, bool has_version, int level) {
  std::size_t start = has_version ? 1 : 0;
  std::string_view plain = std::string_view{bytes}.substr(start);
  if (plain.size() > std::numeric_limits<std::uint32_t>::max()) return;
  constexpr std::size_t header = 5;
  std::string packed;
  auto length = compressBound(static_cast<uLong>(plain.size()));
  bool packs = false;
  packed.resize_and_overwrite(start + header + length, [&](char* out, std::size_t) {
    std::copy_n(bytes.data(), start, out);
    out[start] = static_cast<char>(etf::compressed_term);
    for (std::size_t i = 0; i < 4; ++i) {
      out[start + 1 + i] = static_cast<char>(plain.size() >> (24 - 8 * i));
    }
    packs = compress2(reinterpret_cast<Bytef*>(out + start + header), &length, input(plain),
                      static_cast<uLong>(plain.size()), std::clamp(level, 1, 9)) == Z_OK;
    return start + header + (packs ? length : 0);
  });
  if (packs && packed.size() < bytes.size()) bytes = std::move(packed);
}

std::optional<Inflated> inflate_term(std::string_view compressed, std::size_t size) {
  if (size / max_ratio > compressed.size()) return std::nullopt;
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  if (size > most) return std::nullopt;
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  // zlib counts in 32 bits; no term of that size needs more input than that.
  auto given = static_cast<uInt>(std::min(compressed.size(), most));
  Inflated result;
  bool complete = false;
  result.bytes.resize_and_overwrite(size, [&](char* out, std::size_t) {
    Bytef none{};
    stream.next_in = const_cast<Bytef*>(input(compressed));
    stream.avail_in = given;
    stream.next_out = size == 0 ? &none : reinterpret_cast<Bytef*>(out);
    stream.avail_out = static_cast<uInt>(size);
    complete = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == size;
    return complete ? size : 0;
  });
  result.used = given - stream.avail_in;
  inflateEnd(&stream);
  if (!complete) return std::nullopt;
  return result;
}

}  // namespace troupe::detail
