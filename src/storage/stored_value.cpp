// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/stored_value.hpp>

#include "storage/fault.hpp"

namespace troupe::storage::detail {
namespace {

// Keys may be 64 KiB of anything.
std::string shown(std::string_view key) { return to_elixir(Term::binary(key.substr(0, 60))); }

}  // namespace

std::unexpected<StorageError> undecodable(std::string_view key, const DecodeError& error) {
  return failure(ErrorKind::corrupt, "the value of " + shown(key) +
                                         " is no term: " + std::string{to_string(error.code)} +
                                         " at byte " + std::to_string(error.offset));
}

std::unexpected<StorageError> wrong_type(std::string_view key, const MappingError& error) {
  return failure(ErrorKind::wrong_type,
                 "the value of " + shown(key) + " has another type: " + error.message());
}

}  // namespace troupe::storage::detail
