// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <troupe/key_table.hpp>
#include <troupe/troupe.hpp>

namespace greenroom {

// How fast a table of a million sessions is gone through: so many at once, and then others have
// their turn, or all the time until the pause is over.
struct Pace {
  std::size_t at_once = 2'000;
  troupe::Duration pause{0};
};

// Calls `visit(key, session)` for each session in the table, whose lock is not held meanwhile: the
// visit may change the table.
template <class Visit>
troupe::Async<> for_each_session(troupe::Process& self, const troupe::KeyTable& table, Pace pace,
                                 Visit visit) {
  std::vector<std::pair<std::string, troupe::Pid>> some;
  for (std::uint64_t cursor = 0;;) {
    some.clear();
    cursor = table.scan(cursor, pace.at_once, [&](std::string_view key, troupe::Pid session) {
      some.emplace_back(key, session);
    });
    for (const auto& [key, session] : some) visit(std::string_view{key}, session);
    if (cursor == 0) co_return;
    if (pace.pause > troupe::Duration::zero()) {
      co_await self.sleep(pace.pause);
    } else {
      co_await self.yield();
    }
  }
}

}  // namespace greenroom
