// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Servers whose state outlives them: when it is saved, what is restored, and what is refused.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/persistent_server.hpp>

#include "storage/backends.hpp"
#include "storage/watched_stores.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe::storage::test {
namespace {

using namespace std::chrono_literals;
using troupe::test::CapturedLog;
using troupe::test::on_every_executor;
using troupe::test::on_every_seed;

const StorePool pool{"pool", 2};

struct Basket {
  std::vector<std::string> items;
};

struct Cart : PersistentServer<Cart, Basket> {
  explicit Cart(std::string user, SavePolicy policy = {}, Duration max_age = infinity,
                BadState bad = BadState::refuse)
      : user_{std::move(user)}, policy_{policy}, max_age_{max_age}, bad_{bad} {}
  Persistence persistence() const { return {pool, "cart:" + user_, policy_, max_age_, bad_}; }
  void started() { state.items.reserve(8); }

  struct Add {
    std::string item;
  };
  struct AddSaved {
    std::string item;
    using Reply = bool;
  };
  struct Crash {};
  struct Forget {
    using Reply = bool;
  };
  struct Count {
    using Reply = int;
  };
  struct Restored {
    using Reply = bool;
  };
  void handle_cast(Add m) {
    state.items.push_back(std::move(m.item));
    changed();
  }
  Async<bool> handle_call(Process& self, AddSaved m) {
    state.items.push_back(std::move(m.item));
    changed();
    co_return (co_await saved(self)).has_value();
  }
  void handle_cast(Crash) {
    state.items.push_back("half");
    changed();
    throw std::runtime_error{"in the middle"};
  }
  Async<bool> handle_call(Process& self, Forget) { co_return (co_await forget(self)).has_value(); }
  int handle_call(Count) { return static_cast<int>(state.items.size()); }
  bool handle_call(Restored) { return was_restored(); }

  std::string user_;
  SavePolicy policy_;
  Duration max_age_;
  BadState bad_;
};

// The last of {bad_state, Kind, Text}.
std::string text_of(const ExitReason& reason) {
  const Term& term = reason.term();
  return term.is_tuple(3) ? std::string{term[2].as_binary().value_or("")} : reason.to_string();
}

Async<> end(Process& self, Pid server, ExitReason reason) {
  const Ref monitor = self.monitor(server);
  troupe::exit(server, std::move(reason));
  while ((co_await self.receive<Down>()).ref != monitor) {
  }
}

auto stores_child() { return children(pool.child(opens(std::make_shared<WatchedStores>()))); }

TEST(PersistentServer, what_was_awaited_is_there_after_a_kill) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    auto cart = co_await Cart::start_link(self, "ann");
    EXPECT_FALSE(co_await call(self, cart, Cart::Restored{}));
    EXPECT_TRUE(co_await call(self, cart, Cart::AddSaved{"apple"}));
    co_await end(self, cart.pid(), atoms::kill);
    cart = co_await Cart::start_link(self, "ann");
    EXPECT_TRUE(co_await call(self, cart, Cart::Restored{}));
    EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 1);
    auto other = co_await Cart::start_link(self, "bob");
    EXPECT_EQ(co_await call(self, other, Cart::Count{}), 0);
  });
}

TEST(PersistentServer, a_change_is_saved_as_soon_as_its_handler_has_returned) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    auto cart = co_await Cart::start_link(self, "ann");
    cast(cart, Cart::Add{"apple"});
    cast(cart, Cart::Add{"pear"});
    // The save stands in the mailbox behind the casts, and the second question behind the save.
    (void)co_await call(self, cart, Cart::Count{});
    (void)co_await call(self, cart, Cart::Count{});
    co_await end(self, cart.pid(), atoms::kill);
    cart = co_await Cart::start_link(self, "ann");
    EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 2);
  });
}

TEST(PersistentServer, by_interval_it_is_saved_once_the_time_has_passed) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        co_await Supervisor::start_link(self, stores_child());
        const SavePolicy policy{.on_change = false, .interval = 10s, .on_terminate = false};
        auto cart = co_await Cart::start_link(self, "ann", policy);
        cast(cart, Cart::Add{"apple"});
        co_await self.sleep(9s);
        auto early = co_await get(self, pool, "cart:ann");
        EXPECT_TRUE(early && !*early);
        co_await self.sleep(2s);
        co_await end(self, cart.pid(), atoms::kill);
        cart = co_await Cart::start_link(self, "ann", policy);
        EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 1);
      },
      5);
}

TEST(PersistentServer, at_an_orderly_end_what_was_not_saved_is_saved) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    for (const bool on_terminate : {false, true}) {
      const SavePolicy policy{.on_change = false, .on_terminate = on_terminate};
      auto cart = co_await Cart::start_link(self, "ann", policy);
      cast(cart, Cart::Add{"apple"});
      co_await stop(self, cart, atoms::shutdown);
      cart = co_await Cart::start_link(self, "ann", policy);
      EXPECT_EQ(co_await call(self, cart, Cart::Count{}), on_terminate ? 1 : 0);
      co_await end(self, cart.pid(), atoms::kill);
    }
  });
}

TEST(PersistentServer, a_state_that_an_exception_left_half_changed_is_not_saved) {
  CapturedLog log;
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    auto cart = co_await Cart::start_link(self, "ann");
    EXPECT_TRUE(co_await call(self, cart, Cart::AddSaved{"apple"}));
    const Ref monitor = self.monitor(cart.pid());
    cast(cart, Cart::Crash{});
    EXPECT_EQ((co_await self.receive<Down>()).ref, monitor);
    cart = co_await Cart::start_link(self, "ann");
    EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 1);
  });
}

TEST(PersistentServer, a_state_that_is_too_old_is_forgotten) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        co_await Supervisor::start_link(self, stores_child());
        auto cart = co_await Cart::start_link(self, "ann");
        EXPECT_TRUE(co_await call(self, cart, Cart::AddSaved{"apple"}));
        co_await end(self, cart.pid(), atoms::kill);
        co_await self.sleep(1h);
        cart = co_await Cart::start_link(self, "ann", SavePolicy{}, Duration{2h});
        EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 1);
        co_await end(self, cart.pid(), atoms::kill);
        co_await self.sleep(2h);
        cart = co_await Cart::start_link(self, "ann", SavePolicy{}, Duration{2h});
        EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 0);
        auto gone = co_await get(self, pool, "cart:ann");
        EXPECT_TRUE(gone && !*gone);
      },
      3);
}

TEST(PersistentServer, stale_states_are_cleaned_up_and_a_finished_one_is_forgotten) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        co_await Supervisor::start_link(self, stores_child());
        for (const char* user : {"ann", "bob", "cid"}) {
          auto cart = co_await Cart::start_link(self, user);
          EXPECT_TRUE(co_await call(self, cart, Cart::AddSaved{"apple"}));
          if (user[0] == 'c') {
            EXPECT_TRUE(co_await call(self, cart, Cart::Forget{}));
          }
          co_await self.sleep(1h);
        }
        EXPECT_TRUE(succeeded(co_await put(self, pool, "cart:raw", "no state")));
        auto removed = co_await remove_stale(self, pool, "cart:", 150min);
        EXPECT_TRUE(removed && *removed == 1);
        auto left = co_await list(self, pool);
        EXPECT_EQ(*left, (std::vector<std::string>{"cart:bob", "cart:raw"}));
      },
      3);
}

TEST(PersistentServer, damaged_states_refuse_the_start_or_are_set_aside) {
  CapturedLog log;
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    auto cart = co_await Cart::start_link(self, "ann");
    EXPECT_TRUE(co_await call(self, cart, Cart::AddSaved{"a rather long name of an apple"}));
    co_await end(self, cart.pid(), atoms::kill);
    auto bytes = co_await get(self, pool, "cart:ann");
    std::string damaged = **bytes;
    damaged[damaged.find("apple")] = 'A';
    EXPECT_TRUE(succeeded(co_await put(self, pool, "cart:ann", damaged)));
    auto refused_start = co_await Cart::try_start_link(self, "ann");
    EXPECT_FALSE(refused_start);
    EXPECT_NE(text_of(refused_start.error().reason).find("checksum differs"), std::string::npos);
    cart = co_await Cart::start_link(self, "ann", SavePolicy{}, infinity, BadState::set_aside);
    EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 0);
    auto kept = co_await get(self, pool, "cart:ann.bad");
    EXPECT_TRUE(kept && *kept == damaged);
  });
}

TEST(PersistentServer, a_save_that_fails_is_tried_again) {
  CapturedLog log;
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        const auto stores = std::make_shared<WatchedStores>();
        co_await Supervisor::start_link(
            self, children(pool.child(opens(stores), {.max_restarts = 1000})));
        auto cart = co_await Cart::start_link(self, "ann");
        stores->is_full = true;
        EXPECT_FALSE(co_await call(self, cart, Cart::AddSaved{"apple"}));
        co_await self.sleep(5s);
        stores->is_full = false;
        co_await self.sleep(30s);
        co_await end(self, cart.pid(), atoms::kill);
        cart = co_await Cart::start_link(self, "ann");
        EXPECT_EQ(co_await call(self, cart, Cart::Count{}), 1);
      },
      5);
  EXPECT_GT(log.count("cart:ann", "full_disk"), 0);
}

// The same key, as three versions of a program see it.
struct Point1 {
  int x = 0;
};
struct Point3 {
  double left = 0;
  double top = 0;
};
template <class P, unsigned Version>
struct Place : PersistentServer<Place<P, Version>, P> {
  static constexpr unsigned schema_version = Version;
  static Migrations migrations() {
    if (Version == 5) return {};
    return {{1, [](const Term& old) { return old.with(atom("y"), 7); }},
            {2, [](const Term& old) {
               const Term* x = old.find(atom("x"));
               if (!x) throw std::runtime_error{"no x"};
               return map({{atom("left"), *x}, {atom("top"), *old.find(atom("y"))}});
             }}};
  }
  Persistence persistence() const { return {pool, "place"}; }
  struct Save {
    using Reply = bool;
  };
  struct Look {
    using Reply = P;
  };
  Async<bool> handle_call(Process& self, Save) {
    this->changed();
    const auto written = co_await this->saved(self);
    co_return written.has_value();
  }
  P handle_call(Look) { return this->state; }
};

TEST(PersistentServer, an_older_state_is_brought_up_to_date_step_by_step) {
  CapturedLog log;
  on_every_seed(
      [](Process& self) -> Async<> {
        using Old = Place<Point1, 1>;
        using New = Place<Point3, 3>;
        using Newer = Place<Point3, 5>;
        self.trap_exits();
        co_await Supervisor::start_link(self, stores_child());
        auto old = co_await Old::start_link(self);
        EXPECT_TRUE(co_await call(self, old, typename Old::Save{}));
        co_await end(self, old.pid(), atoms::kill);
        auto known = co_await check_stored<New>(self, pool);
        EXPECT_TRUE(known && *known == 1);
        EXPECT_TRUE(refused(co_await check_stored<Newer>(self, pool), ErrorKind::no_migration,
                            "from 1 to 2"));
        EXPECT_FALSE(co_await Newer::try_start_link(self));
        auto now = co_await New::start_link(self);
        const Point3 point = co_await call(self, now, typename New::Look{});
        EXPECT_EQ(point.left, 0);
        EXPECT_EQ(point.top, 7);
        // It was saved in its new form, which the old program does not read.
        co_await stop(self, now, atoms::normal);
        EXPECT_TRUE(refused(co_await check_stored<Old>(self, pool), ErrorKind::newer_version));
        EXPECT_FALSE(co_await Old::try_start_link(self));
        // What a migration throws is a reason not to start.
        EXPECT_TRUE(succeeded(co_await put(
            self, pool, "place",
            troupe::detail::encode_record(troupe::detail::state_kind, 2, Duration{}, Term{5}))));
        EXPECT_TRUE(refused(co_await check_stored<New>(self, pool), ErrorKind::wrong_type, "no x"));
      },
      3);
}

TEST(StoredState, records_are_terms_that_erlang_checks) {
  const std::string bytes =
      troupe::detail::encode_record("troupe_state", 3, Duration{1'500'000}, Term{42});
  const auto term = binary_to_term(bytes);
  ASSERT_TRUE(term);
  // term_to_binary(42) is <<131,97,42>>, and erlang:crc32([<<3:32, 1500:64>>, <<131,97,42>>]) that.
  EXPECT_EQ(to_erlang(*term), "{troupe_state,1,3,1500,1073835695,<<131,97,42>>}");
}

TEST(StoredState, a_record_of_a_newer_form_is_refused_as_such) {
  const Term newer = tuple({atom("troupe_state"), 2, atom("whatever")});
  const auto read = troupe::detail::decode_record("troupe_state", term_to_binary(newer), "k");
  EXPECT_TRUE(refused(read, ErrorKind::newer_version, "newer Troupe"));
}

TEST(StoredState, every_flipped_bit_and_every_cut_is_noticed) {
  const std::string bytes =
      troupe::detail::encode_record("troupe_state", 3, Duration{}, Term::binary("some state"));
  const auto whole = troupe::detail::decode_record("troupe_state", bytes, "k");
  ASSERT_TRUE(succeeded(whole));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(troupe::detail::decode_record("troupe_state", bytes.substr(0, size), "k"));
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const auto read = troupe::detail::decode_record("troupe_state", damaged, "k");
    // One bit makes another spelling of the same atom.
    if (!read) continue;
    EXPECT_EQ(read->value, whole->value) << "bit " << bit;
    EXPECT_EQ(read->version, 3U) << "bit " << bit;
    EXPECT_EQ(read->saved_at, Duration::zero()) << "bit " << bit;
  }
}

}  // namespace
}  // namespace troupe::storage::test
