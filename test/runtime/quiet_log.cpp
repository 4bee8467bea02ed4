// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Crashes are what many of these tests are about. Their reports go nowhere, unless TROUPE_TEST_LOG
// is set; a test that reads them captures them itself.
#include <cstdlib>
#include <gtest/gtest.h>

#include <troupe/log.hpp>

namespace troupe {
namespace {

class QuietLog : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    log::set_sink([](void*, const log::Record&) {}, nullptr);
  }
};

[[maybe_unused]] const bool is_quiet = [] {
  if (!std::getenv("TROUPE_TEST_LOG")) {
    testing::UnitTest::GetInstance()->listeners().Append(new QuietLog);
  }
  return true;
}();

}  // namespace
}  // namespace troupe
