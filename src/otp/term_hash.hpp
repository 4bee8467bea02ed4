// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>

#include <troupe/term.hpp>

#include "base/hash.hpp"

namespace troupe::detail {

// For tables with terms as keys, which compare strictly.
struct TermHash {
  using Query = Term;
  std::uint64_t operator()(const Term& term) const {
    return mix64(std::uint64_t{phash2(term)} + 0x9e3779b97f4a7c15);
  }
};

}  // namespace troupe::detail
