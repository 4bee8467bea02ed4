// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/secret_hash.hpp"

#include <random>

#include <troupe/process.hpp>

namespace troupe::detail {

namespace {

// In a process the bits are the executor's, so that a simulated run can be had again.
std::uint64_t secret_word() {
  if (const Process* self = current_process()) return self->random();
  std::random_device entropy;
  return std::uint64_t{entropy()} << 32 | entropy();
}

}  // namespace

TextHash secret_hash() {
  const std::uint64_t low = secret_word();
  return TextHash{HashKey{low, secret_word()}};
}

}  // namespace troupe::detail
