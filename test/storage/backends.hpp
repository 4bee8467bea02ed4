// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <gtest/gtest.h>
#include <ostream>
#include <string>
#include <vector>

#include <troupe/storage.hpp>

namespace troupe::storage::test {

// What the conformance suite has to know of a backend. `open` gets the test's directory and opens
// the same store each time; a volatile backend forgets between two openings.
struct Backend {
  const char* name;
  bool durable;
  Result<std::unique_ptr<Store>> (*open)(const std::string& directory);
};

// Those of the test program: backends.cpp, or postgres_backends.cpp.
std::vector<Backend> backends();

inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

template <class T>
testing::AssertionResult succeeded(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << name_of(result.error().kind) << ": " << result.error().text;
}

// Fails with `kind`, and the text mentions `part`.
template <class T>
testing::AssertionResult refused(const Result<T>& result, ErrorKind kind,
                                 std::string_view part = {}) {
  if (result) return testing::AssertionFailure() << "succeeded";
  if (result.error().kind != kind || result.error().text.find(part) == std::string::npos) {
    return testing::AssertionFailure()
           << name_of(result.error().kind) << ": " << result.error().text;
  }
  return testing::AssertionSuccess();
}

}  // namespace troupe::storage::test
