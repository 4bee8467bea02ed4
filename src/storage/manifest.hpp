// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// What a directory of shards says about itself. Lines of text, so that an operator can read it:
//   troupe-store 1 / engine sqlite / name sessions / shards 4 / id <32 hex> / state ready /
//   sum <8 hex>
// where sum is the CRC-32C of all lines before it, and the state is `new` until every shard is
// made.

#include <string>
#include <string_view>

#include <troupe/storage.hpp>

namespace troupe::storage {

struct Manifest {
  std::string engine;
  std::string name;
  unsigned shards = 0;
  std::string id;  // random, made with the directory
  bool ready = false;

  std::string text() const;
};

inline constexpr std::size_t max_manifest_bytes = 4096;

// `path` is for the text of the error.
Result<Manifest> parse_manifest(std::string_view text, const std::string& path);

}  // namespace troupe::storage
