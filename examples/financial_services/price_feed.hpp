// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Sessions and live prices, which the course names and does not show: a subscriber is a process
// that belongs to one customer's session. It keeps the latest price of each symbol, so a slow
// customer skips old prices instead of falling behind, and ends with the session.
#pragma once

#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace financial_services {

struct Price {
  std::string symbol;
  int cents;
};

struct Subscriber : GenServer<Subscriber> {
  struct Latest {
    std::string symbol;
    using Reply = std::optional<int>;
  };
  using Info = troupe::Messages<Price>;

  void handle_info(Price price) { latest[price.symbol] = price.cents; }
  std::optional<int> handle_call(Latest m) {
    const auto at = latest.find(m.symbol);
    return at == latest.end() ? std::optional<int>{} : at->second;
  }
  std::map<std::string, int> latest;
};

// A customer's session. It ends when nothing is asked for half an hour, and its subscriber, which
// is linked to it, ends with it.
struct Session : GenServer<Session> {
  struct Subscribe {
    using Reply = ServerRef<Subscriber>;
  };
  struct WhoAmI {
    using Reply = std::string;
  };
  static constexpr Duration idle_limit = 30min;

  explicit Session(std::string customer) : customer_{std::move(customer)} {}
  Init init(Process&) { return Init::timeout(idle_limit); }
  Async<Answer<ServerRef<Subscriber>>> handle_call(Process& self, Subscribe) {
    if (!subscriber_.pid()) subscriber_ = co_await Subscriber::start_link(self);
    co_return {subscriber_, Next::timeout(idle_limit)};
  }
  Answer<std::string> handle_call(WhoAmI) { return {customer_, Next::timeout(idle_limit)}; }
  Next handle_timeout() { return Next::stop(ExitReason{atoms::shutdown}); }

 private:
  std::string customer_;
  ServerRef<Subscriber> subscriber_;
};

}  // namespace financial_services
