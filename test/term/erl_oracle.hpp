// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>

#include <troupe/term.hpp>

namespace troupe::test {

// A running `erl` that answers the questions of oracle.erl. One for all tests of a program.
class ErlOracle {
 public:
  // Null where there is no `erl` on this machine.
  static ErlOracle* shared();

  // The answer to a request; fails the running test (and gives nil) where erl refuses or is gone.
  Term ask(const Term& request);
  // The same for a request in bytes, for what Troupe itself should not encode.
  Term ask_bytes(const std::string& request);

  // Whether Elixir's code was found and loaded, which is tried once.
  bool has_elixir();

  ~ErlOracle();

 private:
  ErlOracle() = default;
  bool start();

  pid_t process_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::optional<bool> elixir_;
};

// How many random terms a test looks at: TROUPE_TERMS, 100,000 in the nightly run, else the count
// given.
std::size_t term_count(std::size_t otherwise);

}  // namespace troupe::test
