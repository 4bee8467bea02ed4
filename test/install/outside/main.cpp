// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// A user's program, which knows nothing of this tree but what was installed.
#include <troupe/atom.hpp>

int main() { return troupe::Atom{"ok"} == troupe::Atom{"ok"} ? 0 : 1; }
