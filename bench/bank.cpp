// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many transfers a second between accounts that are servers, each transfer a call that makes a
// call?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Account : GenServer<Account> {
  struct Deposit {
    int amount;
    using Reply = int;
  };
  struct Transfer {
    ServerRef<Account> to;
    int amount;
    using Reply = int;
  };
  int handle_call(Deposit deposit) { return balance += deposit.amount; }
  Async<int> handle_call(Process& self, Transfer transfer) {
    co_await call(self, transfer.to, Deposit{transfer.amount});
    co_return balance -= transfer.amount;
  }
  int balance = 0;
};

using Accounts = std::shared_ptr<const std::vector<ServerRef<Account>>>;

Async<> teller(Process& self, Accounts accounts, std::int64_t transfers, std::uint64_t seed) {
  const std::uint64_t count = accounts->size();
  std::uint64_t random = seed;
  for (std::int64_t i = 0; i < transfers; ++i) {
    random = draw(random);
    const std::uint64_t second = draw(random);
    // Always upwards: two accounts never wait for each other.
    const std::uint64_t from = random % (count * 8 / 10);
    const std::uint64_t to = from + 1 + second % (count - from - 1);
    random = second;
    co_await call(self, (*accounts)[from], Account::Transfer{(*accounts)[to], 1});
  }
}

Async<> start(Process& self, std::int64_t count, std::int64_t transfers) {
  constexpr std::int64_t tellers = 10;
  auto all = std::make_shared<std::vector<ServerRef<Account>>>();
  for (std::int64_t i = 0; i < count; ++i) all->push_back(co_await Account::start(self));
  const Stopwatch watch;
  for (std::int64_t i = 0; i < tellers; ++i) {
    (void)spawn_monitor(teller, Accounts{all}, transfers / tellers,
                        static_cast<std::uint64_t>(886'452 + i * 7'919));
  }
  for (std::int64_t i = 0; i < tellers; ++i) {
    const Down down = co_await self.receive<Down>();
    if (!down.reason.is_normal()) self.exit(down.reason);
  }
  print("bank", "rate", watch.rate(transfers / tellers * tellers), "transfers/s");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload bank{"bank", "ACCOUNTS TRANSFERS", "100 1000", run};

}  // namespace troupe::bench
