// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Many calls outstanding at once, and what of a server's state may be seen from outside.
#include <troupe/gen_server.hpp>
#include <troupe/request.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class GenServerAskTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Vault : GenServer<Vault> {
  struct Double {
    int value;
    using Reply = int;
  };
  struct Slow {  // until it is told to go on
    using Reply = int;
  };
  struct Break {};
  using Messages = troupe::Messages<Double>;

  explicit Vault(std::string secret = "sesame") : secret_{std::move(secret)} {}
  int handle_call(Double m) { return 2 * m.value; }
  Async<int> handle_call(Process& self, Slow) {
    co_await self.receive<Atom>();
    co_return 1;
  }
  void handle_cast(Break) { throw ErrorException{Atom{"broken"}}; }
  Term introspect() const { return Term::binary(secret_); }
  Term format_status() const {
    if (secret_.empty()) throw ErrorException{Atom{"nothing_to_show"}};
    return Atom{"hidden"};
  }

 private:
  std::string secret_;
};

TEST_F(GenServerAskTest, several_servers_are_asked_at_once) {
  on_every_executor([](Process& self) -> Async<> {
    const auto quick = co_await Vault::start(self);
    const auto slow = co_await Vault::start(self);
    const auto gone = co_await Vault::start(self);
    co_await stop(self, gone);
    auto all = co_await multi_call(self, std::vector{quick, slow, gone}, Vault::Double{4});
    EXPECT_EQ(all.replies.size(), 2u);
    EXPECT_EQ(all.replies[1].value, 8);
    EXPECT_EQ(all.failed.at(0).server, gone);
    EXPECT_EQ(all.failed.at(0).error.code, CallError::Code::noproc);
    co_await stop(self, quick);
    co_await stop(self, slow);
  });
}

TEST_F(GenServerAskTest, several_servers_have_one_time_limit) {
  // In virtual time: on a busy machine anybody may be late.
  test::on_every_seed([](Process& self) -> Async<> {
    const auto quick = co_await Vault::start(self);
    const auto slow = co_await Vault::start(self);
    auto first = send_request(self, slow, Vault::Slow{});
    const auto late = co_await multi_call(self, std::vector{slow, quick}, Vault::Double{1}, 100ms);
    EXPECT_EQ(late.replies.at(0).server, quick);
    EXPECT_EQ(late.failed.at(0).error.code, CallError::Code::timeout);
    send(slow.pid(), Atom{"go"});
    EXPECT_EQ((co_await first.response()).value(), 1);
    // The late answer was dropped, and nothing is left of it.
    EXPECT_EQ(co_await call(self, slow, Vault::Double{3}), 6);
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
    co_await stop(self, quick);
    co_await stop(self, slow);
  });
}

TEST_F(GenServerAskTest, a_response_that_is_given_up_on_is_dropped) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Vault::start(self, {.name = "vault"});
    auto slow = send_request(self, server, Vault::Slow{});
    EXPECT_EQ((co_await slow.response(1ms)).error().code, CallError::Code::timeout);
    EXPECT_EQ((co_await slow.receive_response(1ms)).error().code, CallError::Code::timeout);
    EXPECT_EQ((co_await slow.response(infinity)).error().code, CallError::Code::timeout);
    send(server.pid(), Atom{"go"});
    auto by_name = send_request(self, Name{"vault"}, Vault::Double{5});
    EXPECT_EQ((co_await by_name.response()).value(), 10);
    co_await stop(self, server);
  });
}

TEST_F(GenServerAskTest, a_hundred_thousand_calls_are_outstanding_at_once) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto server = co_await Vault::start(self);
    std::vector<PendingReply<int>> pending;
    for (int i = 0; i < 100'000; ++i)
      pending.push_back(send_request(self, server, Vault::Double{i}));
    for (int i = 99'999; i >= 0; --i) {
      EXPECT_EQ((co_await pending[static_cast<std::size_t>(i)].response()).value(), 2 * i);
    }
    co_await stop(self, server);
  });
}

TEST_F(GenServerAskTest, status_and_crash_reports_show_what_format_status_lets_them) {
  on_every_executor([](Process& self) -> Async<> {
    const auto server = co_await Vault::start(self);
    EXPECT_EQ(co_await sys::get_state(self, server.pid()), Term::binary("sesame"));
    EXPECT_EQ((co_await sys::get_status(self, server.pid())).state, atom("hidden"));
    self.monitor(server.pid());
    cast(server, Vault::Break{});
    (void)co_await self.receive<Down>();
    const auto worse = co_await Vault::start(self, "");
    self.monitor(worse.pid());
    cast(worse, Vault::Break{});
    EXPECT_EQ((co_await self.receive<Down>()).reason.term()[0], atom("broken"));
  });
  EXPECT_GT(log_.count("crashed", "state=hidden"), 0);
  EXPECT_GT(log_.count("crashed", "state=unreadable", "nothing_to_show"), 0);
  EXPECT_EQ(log_.count("sesame"), 0);
}

TEST_F(GenServerAskTest, a_call_that_cannot_be_answered_says_what_to_change) {
  on_every_executor([](Process& self) -> Async<> {
    const auto text = [](Process& me, Name name) -> Async<std::string> {
      try {
        (void)co_await call(me, name, Vault::Double{1});
      } catch (const CallException& exception) {
        co_return exception.what();
      }
      co_return "";
    };
    EXPECT_NE((co_await text(self, "nobody")).find("nobody has the name"), std::string::npos);
    self.register_name("me");
    EXPECT_NE((co_await text(self, "me")).find("cannot call itself"), std::string::npos);
  });
}

}  // namespace
}  // namespace troupe
