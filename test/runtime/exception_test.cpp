// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What becomes of a process that an exception leaves, or that meets one where few expect it: in a
// guard, in a message's move, for want of memory. Stacks of the throw site are tested here as the
// tests are linked, and for both kinds of C++ library in throw_hook/.
#include <array>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <troupe/blocking.hpp>
#include <troupe/troupe.hpp>

#include "base/sanitizer.hpp"
#include "host/stack_trace.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {

// A sanitizer's operator new ends the program instead of throwing.
constexpr bool new_never_throws = TROUPE_ADDRESS_SANITIZER || TROUPE_THREAD_SANITIZER;
// The sanitizer's own definition of __cxa_throw comes first.
constexpr bool has_no_hook = TROUPE_ADDRESS_SANITIZER;

struct Brittle {
  enum class When : std::uint8_t { never, sending, receiving };
  explicit Brittle(When when) : breaks{when} {}
  // A message is moved into its envelope, and out of it: twice into, because send takes it by
  // value.
  // NOLINTNEXTLINE(performance-noexcept-move-constructor)
  Brittle(Brittle&& other) : breaks{other.breaks}, moves{other.moves + 1} {
    if (breaks == When::sending && moves == 1) throw std::runtime_error{"broke on its way in"};
    if (breaks == When::receiving && moves == 2) throw std::runtime_error{"broke on its way out"};
  }
  When breaks;
  int moves = 0;
};
template <>
inline constexpr bool enable_message<Brittle> = true;

namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Ready {};
struct Number {
  int value;
};

template <class F>
Async<Down> end_of(Process& self, F body) {
  const auto [pid, ref] = spawn_monitor(body);
  co_return co_await self.receive(
      when([ref](const Down& down) { return down.ref == ref; }, [](Down down) { return down; }));
}

[[gnu::noinline]] void throw_from_deep_below(int depth) {
  if (depth == 0) throw std::runtime_error{"deep"};
  throw_from_deep_below(depth - 1);
  asm volatile("");  // or the recursion would be a loop
}

bool tells_where(const Down& down, const char* function) {
  const ExceptionReport* report = down.reason.exception();
  return has_no_hook || (report && report->stack().contains(function));
}

TEST(ExceptionTest, a_reason_tells_type_text_and_the_stack_of_the_throw) {
  on_every_executor([](Process& self) -> Async<> {
    const Down down =
        co_await end_of(self, [](Process&) -> Async<> { co_return throw_from_deep_below(3); });
    const ExceptionReport* report = down.reason.exception();
    EXPECT_NE(report, nullptr);
    if (!report) co_return;
    EXPECT_EQ(report->type, "std::runtime_error");
    EXPECT_EQ(report->text, "deep");
    EXPECT_TRUE(tells_where(down, "throw_from_deep_below"));
    // Nothing of the runtime below the process, and nothing of the hook.
    EXPECT_FALSE(report->stack().contains("WorkerExecutor"));
    EXPECT_FALSE(report->stack().contains("record_throw"));
  });
}

TEST(ExceptionTest, a_stack_survives_the_awaits_that_the_exception_passes) {
  on_every_executor([](Process& self) -> Async<> {
    const Down down = co_await end_of(self, [](Process& other) -> Async<> {
      const auto inner = [](Process& waiting) -> Async<> {
        co_await waiting.yield();
        throw_from_deep_below(1);
      };
      try {
        co_await inner(other);
      } catch (const std::runtime_error&) {
        // Others come and go in between.
        for (int i = 0; i < 3; ++i) {
          try {
            throw std::logic_error{"caught"};
          } catch (const std::logic_error&) {
          }
        }
        throw;
      }
    });
    EXPECT_TRUE(tells_where(down, "throw_from_deep_below"));
  });
}

[[gnu::noinline]] void go_by_the_left(int depth) {
  throw_from_deep_below(depth);
  asm volatile("nop");  // or the two would be one function
}
[[gnu::noinline]] void go_by_the_right(int depth) {
  throw_from_deep_below(depth);
  asm volatile("nop; nop");
}

void crash_on_a_way(Process&, bool left) {
  void (*volatile way)(int) = left ? &go_by_the_left : &go_by_the_right;
  way(1);
}

// The two ways are equally long, so that only the return addresses tell them apart.
TEST(ExceptionTest, each_of_many_crashes_tells_its_own_way) {
  on_every_executor([](Process& self) -> Async<> {
    const std::array ways{true, false, false, true, false};
    for (const bool left : ways) {
      (void)spawn_monitor(crash_on_a_way, left);
      const Down down = co_await self.receive<Down>();
      const char* const other = left ? "go_by_the_right" : "go_by_the_left";
      EXPECT_TRUE(tells_where(down, left ? "go_by_the_left" : "go_by_the_right"));
      EXPECT_FALSE(down.reason.exception()->stack().contains(other));
    }
  });
}

TEST(ExceptionTest, what_the_standard_library_throws_has_a_stack_too) {
  on_every_executor([](Process& self) -> Async<> {
    const Down down = co_await end_of(self, [](Process&) { (void)std::vector<int>{}.at(7); });
    EXPECT_EQ(down.reason.exception()->type, "std::out_of_range");
    EXPECT_TRUE(tells_where(down, "exception_test.cpp"));
  });
}

TEST(ExceptionTest, a_failure_of_blocking_work_brings_its_stack_along) {
  on_every_executor([](Process& self) -> Async<> {
    const Down down = co_await end_of(self, [](Process& other) -> Async<> {
      co_await blocking(other, [] { throw_from_deep_below(2); });
    });
    EXPECT_EQ(down.reason.exception()->text, "deep");
    EXPECT_TRUE(tells_where(down, "throw_from_deep_below"));
  });
}

TEST(ExceptionTest, the_crash_report_says_where_it_was_thrown) {
  void* here[] = {reinterpret_cast<void*>(&throw_from_deep_below)};
  (void)describe_stack(here);  // a report waits only so long for names to be read
  test::CapturedLog log;
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    (void)co_await end_of(self, [](Process&) { throw_from_deep_below(0); });
  });
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(log.count("crashed", "thrown_at="), 1);
  if (!has_no_hook) {
    EXPECT_EQ(log.count("thrown_at=", "throw_from_deep_below"), 1);
  }
}

TEST(ExceptionTest, memory_that_is_not_there_ends_the_process_that_asked) {
  on_every_executor([](Process& self) -> Async<> {
    const Down down = co_await end_of(self, [](Process&) -> Async<> {
      if (new_never_throws) throw std::bad_alloc{};
      volatile std::size_t much = PTRDIFF_MAX;
      ::operator delete(::operator new(much));
      co_return;
    });
    EXPECT_EQ(down.reason.exception()->type, "std::bad_alloc");
    EXPECT_EQ(down.reason.term()[0][0], Term{Atom{"std::bad_alloc"}});
  });
}

TEST(ExceptionTest, a_guard_that_throws_counts_as_false) {
  on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Number{1});
    send(self.pid(), Number{2});
    const int taken = co_await self.receive(when(
                                                [](const Number& n) {
                                                  if (n.value == 1)
                                                    throw std::runtime_error{"not this one"};
                                                  return true;
                                                },
                                                [](Number n) { return n.value; }),
                                            after(0ms, [] { return -1; }));
    EXPECT_EQ(taken, 2);
    // It stayed where it was.
    EXPECT_EQ((co_await self.receive<Number>()).value, 1);
  });
}

TEST(ExceptionTest, a_message_that_breaks_while_it_is_sent_is_the_senders_failure) {
  on_every_executor([](Process& self) -> Async<> {
    EXPECT_THROW(send(self.pid(), Brittle{Brittle::When::sending}), std::runtime_error);
    send(self.pid(), Ready{});
    (void)co_await self.receive([](Brittle) { ADD_FAILURE(); }, [](Ready) {});
  });
}

TEST(ExceptionTest, a_message_that_breaks_while_it_is_taken_is_the_receivers_failure) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [pid, ref] =
        spawn_monitor([](Process& other) -> Async<> { (void)co_await other.receive<Brittle>(); });
    send(pid, Brittle{Brittle::When::receiving});
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.reason.exception()->text, "broke on its way out");
    // Whoever handles it goes on; the message is gone.
    send(self.pid(), Brittle{Brittle::When::receiving});
    send(self.pid(), Ready{});
    bool broke = false;
    try {
      co_await self.receive([](Brittle) { ADD_FAILURE(); });
    } catch (const std::runtime_error&) {
      broke = true;
    }
    EXPECT_TRUE(broke);
    co_await self.receive([](Brittle) { ADD_FAILURE(); }, [](Ready) {});
  });
}

}  // namespace
}  // namespace troupe
