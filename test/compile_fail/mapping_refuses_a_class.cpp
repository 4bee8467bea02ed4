// expect: specialise troupe::Codec<T> with encode and decode
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// What a class keeps private, only its author can map.
#include <troupe/struct_term.hpp>

class Account {
 public:
  explicit Account(int balance) : balance_{balance} {}
  int balance() const { return balance_; }

 private:
  int balance_;
};
struct Holder {
  Account account;
};

troupe::Term encode(const Holder& holder) { return troupe::to_term(holder); }
