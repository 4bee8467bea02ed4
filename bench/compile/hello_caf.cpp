// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <caf/all.hpp>
#include <cstdio>

void caf_main(caf::actor_system& system) {
  system.spawn([](caf::event_based_actor*) { std::puts("hello"); });
}

CAF_MAIN()
