// expect: two alternatives of this variant would have the same tag
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Both would be {list, Elements}, and the first would always win.
#include <vector>

#include <troupe/struct_term.hpp>

using Numbers = std::variant<std::vector<int>, std::vector<double>>;

troupe::Term encode(const Numbers& numbers) { return troupe::to_term(numbers); }
