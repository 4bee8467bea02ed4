// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "cast_or_call/cast_or_call.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using cast_or_call::Sum;

TEST(CastOrCall, a_call_after_casts_of_the_same_process_sees_them_all) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto sum = co_await Sum::start_link(self);
    cast(sum, Sum::Add{10});
    cast(sum, Sum::Add{20});
    EXPECT_EQ(co_await call(self, sum, Sum::GetTotal{}), 30);  // the course: 0, 10 or 30
    co_await call(self, sum, Sum::Add{30});
    EXPECT_EQ(co_await call(self, sum, Sum::GetTotal{}), 60);
    EXPECT_EQ(co_await call(self, sum, Sum::Operations{}), (std::vector<int>{10, 20, 30}));
  });
}

TEST(CastOrCall, only_a_call_learns_that_nobody_is_there) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto sum = co_await Sum::start(self);
    co_await stop(self, sum);
    cast(sum, Sum::Add{1});
    const auto answer = co_await try_call(self, sum, Sum::Add{1});
    EXPECT_EQ(answer.error().code, CallError::Code::noproc);
  });
}

}  // namespace
