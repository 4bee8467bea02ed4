// expect: PlainStructOrEnabled
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// What a class keeps to itself may be shared; its author knows, and says so with enable_message.
#include <troupe/process.hpp>

class Account {
 public:
  explicit Account(int* balance) : balance_{balance} {}

 private:
  int* balance_;
};

void a_class(troupe::Pid to) { troupe::send(to, Account{nullptr}); }
