// expect: two alternatives of this variant would have the same tag
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Both are called {put, ...}, whatever their namespaces.
#include <troupe/struct_term.hpp>

namespace disk {
struct Put {
  int key = 0;
};
}  // namespace disk
namespace cache {
struct Put {
  int key = 0;
};
}  // namespace cache

using Command = std::variant<disk::Put, cache::Put>;

troupe::Term encode(const Command& command) { return troupe::to_term(command); }
