// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <troupe/etf.hpp>

#include "term/etf_compress.hpp"
#include "term/etf_decode.hpp"
#include "term/etf_reader.hpp"
#include "term/etf_tags.hpp"

// What stands around an encoded term: the version, and compression.
namespace troupe {
namespace {

namespace etf = detail::etf;
using Code = DecodeError::Code;

std::unexpected<DecodeError> fail(Code code, std::size_t offset) {
  return std::unexpected{DecodeError{code, offset}};
}

DecodeError shifted(DecodeError error, std::size_t by) {
  error.offset += by;
  return error;
}

std::expected<DecodedPrefix, DecodeError> decode_compressed(std::string_view bytes,
                                                            std::size_t header,
                                                            const DecodeOptions& options) {
  if (bytes.size() < header + 5) return fail(Code::truncated, bytes.size());
  std::size_t size =
      etf::load<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(bytes.data()) + header + 1);
  if (size > options.limits.bytes) return fail(Code::too_large, header + 1);
  auto inflated = detail::inflate_term(bytes.substr(header + 5), size);
  if (!inflated) return fail(Code::bad_compression, header + 5);
  auto decoded = detail::decode_plain(inflated->bytes, options);
  if (!decoded) return decoded;
  if (decoded->used != size) return fail(Code::trailing_bytes, decoded->used);
  decoded->used = header + 5 + inflated->used;
  return decoded;
}

}  // namespace

std::string_view to_string(DecodeError::Code code) noexcept {
  switch (code) {
    case Code::truncated:
      return "the bytes end within the term";
    case Code::trailing_bytes:
      return "more bytes follow the term";
    case Code::bad_version:
      return "the first byte is not 131";
    case Code::bad_tag:
      return "no term begins with this byte";
    case Code::bad_value:
      return "no term has this value";
    case Code::bad_atom:
      return "the atom is not UTF-8 or longer than 255 characters";
    case Code::unsafe:
      return "the atom does not exist, or the fun is not wanted (safe mode)";
    case Code::duplicate_key:
      return "the map names a key twice";
    case Code::bad_compression:
      return "the compressed bytes are damaged";
    case Code::too_large:
      return "the term is larger than the limits allow";
    case Code::too_deep:
      return "the term is nested deeper than the limits allow";
    case Code::too_many_atoms:
      return "the term makes more atoms than the limits allow";
  }
  return "";
}

std::expected<DecodedPrefix, DecodeError> decode_prefix(std::string_view bytes,
                                                        const DecodeOptions& options) {
  if (bytes.size() > options.limits.bytes) return fail(Code::too_large, options.limits.bytes);
  std::size_t header = options.version ? 1 : 0;
  if (bytes.size() <= header) return fail(Code::truncated, bytes.size());
  if (options.version && static_cast<std::uint8_t>(bytes[0]) != etf::version) {
    return fail(Code::bad_version, 0);
  }
  if (static_cast<std::uint8_t>(bytes[header]) == etf::compressed_term) {
    if (!options.allow_compressed) return fail(Code::bad_tag, header);
    return decode_compressed(bytes, header, options);
  }
  auto decoded = detail::decode_plain(bytes.substr(header), options);
  if (!decoded) return std::unexpected{shifted(decoded.error(), header)};
  decoded->used += header;
  return decoded;
}

std::expected<Term, DecodeError> binary_to_term(std::string_view bytes,
                                                const DecodeOptions& options) {
  auto decoded = decode_prefix(bytes, options);
  if (!decoded) return std::unexpected{decoded.error()};
  if (decoded->used != bytes.size()) return fail(Code::trailing_bytes, decoded->used);
  return std::move(decoded->term);
}

std::expected<Term, DecodeError> binary_to_term(std::span<const std::byte> bytes,
                                                const DecodeOptions& options) {
  return binary_to_term(std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                        options);
}

}  // namespace troupe
