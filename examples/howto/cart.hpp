// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A server for the how-to pages: a cart that tells a listener when it changes, and ends when nobody
// touches it for half an hour.
#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include <troupe/term.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace howto {

struct CartChanged {
  int items;
};

struct Cart : GenServer<Cart> {
  struct Add {
    std::string product;
    int quantity;
  };
  struct Items {
    using Reply = int;
  };
  static constexpr Duration idle_limit = 30min;

  explicit Cart(Pid listener) : listener_{listener} {}
  Init init(Process&) { return Init::timeout(idle_limit); }
  Next handle_cast(Add m) {
    if (m.quantity <= 0) throw std::invalid_argument("a cart takes one at least");
    products_[m.product] += m.quantity;
    items_ += m.quantity;
    send(listener_, CartChanged{items_});
    return Next::timeout(idle_limit);
  }
  Answer<int> handle_call(Items) { return {items_, Next::timeout(idle_limit)}; }
  Next handle_timeout() { return Next::stop(ExitReason{}); }
  Term introspect() const { return map({{atom("items"), items_}}); }

 private:
  Pid listener_;
  int items_ = 0;
  std::map<std::string, int> products_;
};

}  // namespace howto
