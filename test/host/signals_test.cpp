// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/signals.hpp"

#include <cstdlib>

#include "loopback.hpp"

namespace troupe {
namespace {

class SignalsTest : public Loopback {
 protected:
  // A test that is started with SIGINT ignored (in the background of a script) wants it anyway.
  SignalsTest() { std::signal(SIGINT, SIG_DFL); }
};

TEST_F(SignalsTest, a_termination_signal_is_something_to_watch) {
  for (const int each : {SIGTERM, SIGINT}) {
    const auto signals = TerminationSignals::install(*host).value();
    EXPECT_EQ(signals->take(), std::nullopt);
    ASSERT_EQ(host->watch(signals->source(), Interest::read, 7).value(), WatchResult::armed);
    std::raise(each);
    EXPECT_EQ(next_ready().token, 7U);
    EXPECT_EQ(signals->take(), each);
    EXPECT_EQ(host->watch(signals->source(), Interest::read, 7).value(), WatchResult::armed);
    std::raise(SIGTERM);
    EXPECT_EQ(next_ready().token, 7U);
    EXPECT_EQ(signals->take(), SIGTERM) << "supervisors repeat it";
  }
}

TEST_F(SignalsTest, signals_that_come_together_are_one_and_the_first_is_told) {
  const auto signals = TerminationSignals::install(*host).value();
  std::raise(SIGTERM);
  std::raise(SIGTERM);
  std::raise(SIGTERM);
  EXPECT_EQ(signals->take(), SIGTERM);
  EXPECT_EQ(signals->take(), std::nullopt);
}

// The program in these does nothing about the first signal: it hangs, as far as anybody can tell.
TEST_F(SignalsTest, a_second_interrupt_ends_the_program_at_once) {
  EXPECT_EXIT(
      {
        const auto signals = TerminationSignals::install(*host).value();
        std::raise(SIGINT);
        std::raise(SIGINT);
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST_F(SignalsTest, an_interrupt_during_a_shutdown_that_was_asked_for_ends_it_at_once) {
  EXPECT_EXIT(
      {
        const auto signals = TerminationSignals::install(*host).value();
        std::raise(SIGTERM);
        std::raise(SIGTERM);
        std::raise(SIGINT);
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST_F(SignalsTest, an_ignored_interrupt_stays_ignored) {
  EXPECT_EXIT(
      {
        std::signal(SIGINT, SIG_IGN);
        const auto signals = TerminationSignals::install(*host).value();
        std::raise(SIGINT);
        std::raise(SIGTERM);
        std::raise(SIGINT);
        std::_Exit(signals->take() == SIGTERM ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(SignalsTest, the_former_actions_come_back) {
  std::signal(SIGTERM, SIG_IGN);
  {
    const auto signals = TerminationSignals::install(*host).value();
  }
  EXPECT_EQ(std::signal(SIGTERM, SIG_DFL), SIG_IGN);
  EXPECT_EQ(std::signal(SIGINT, SIG_DFL), SIG_DFL);
}

}  // namespace
}  // namespace troupe
