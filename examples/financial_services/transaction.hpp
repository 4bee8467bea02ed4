// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A process per transaction: "each transaction runs in isolation", says the course, and leaves open
// what a crash in the middle does. This one books both sides or none, and its crash is nobody
// else's. The accounts are the ledger's, which is asked twice: to take, and to give or give back.
#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace financial_services {

struct Ledger : GenServer<Ledger> {
  struct Take {
    std::string account;
    int amount;
    using Reply = bool;
  };
  struct Give {
    std::string account;
    int amount;
    using Reply = void;
  };
  struct Balance {
    std::string account;
    using Reply = int;
  };

  explicit Ledger(std::map<std::string, int> opening) : balances{std::move(opening)} {}
  bool handle_call(Take m) {
    int& balance = balances[m.account];
    if (m.amount <= 0 || balance < m.amount) return false;
    balance -= m.amount;
    return true;
  }
  void handle_call(Give m) { balances[m.account] += m.amount; }
  int handle_call(Balance m) { return balances[m.account]; }

  std::map<std::string, int> balances;
};

struct Transfer {
  std::string from, to;
  int amount;
};

// The process' reason says how it went: normal, {shutdown, refused}, or a crash, after
// which what was taken has been given back.
inline Async<> transaction(Process& self, ServerRef<Ledger> ledger, Transfer transfer) {
  if (!co_await call(self, ledger, Ledger::Take{transfer.from, transfer.amount})) {
    self.exit(ExitReason::shutdown_with(Atom{"refused"}));
  }
  std::exception_ptr failure;
  try {
    if (transfer.to.empty()) throw std::invalid_argument("a transfer to nobody");
    co_await call(self, ledger, Ledger::Give{transfer.to, transfer.amount});
  } catch (const std::invalid_argument&) {
    failure = std::current_exception();
  }
  if (failure) {
    co_await call(self, ledger, Ledger::Give{transfer.from, transfer.amount});
    std::rethrow_exception(failure);
  }
}

}  // namespace financial_services
