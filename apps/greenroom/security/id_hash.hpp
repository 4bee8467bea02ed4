// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "security/digest.hpp"

namespace greenroom {

// How a session id is called in logs and pages: who has the id can be the user, so it never stands
// there. 16 hexadecimal digits of an HMAC, with a key of the data directory's own, so that the same
// session is recognised from day to day and nobody can try ids against a log.
class IdHash {
 public:
  IdHash() : key_{random_bytes(32)} {}  // of this run only: nothing is stored
  explicit IdHash(std::string key) : key_{std::move(key)} {}
  // The key in DIRECTORY/id-hash.key, made with mode 0600 where there is none yet.
  static std::expected<IdHash, std::string> of_directory(const std::string& directory);

  std::string operator()(std::string_view id) const {
    return hexadecimal(view_of(hmac_sha256(key_, id))).substr(0, 16);
  }

 private:
  std::string key_;
};

}  // namespace greenroom
