// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What of the standard library the other programs here get with troupe.hpp, and nothing else.
#include <coroutine>
#include <expected>
#include <mutex>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <tuple>
#include <vector>

int main() {}
