// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "security/id_hash.hpp"

#include "security/secret_file.hpp"

namespace greenroom {

std::expected<IdHash, std::string> IdHash::of_directory(const std::string& directory) {
  const std::string file = directory + "/id-hash.key";
  auto key = read_or_make_secret_file(file, 32);
  if (!key) return std::unexpected(std::move(key.error()));
  return IdHash{std::move(*key)};
}

}  // namespace greenroom
