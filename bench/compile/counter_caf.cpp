// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <caf/all.hpp>
#include <cstdlib>

using get = caf::atom_constant<caf::atom("get")>;
using add = caf::atom_constant<caf::atom("add")>;
using inc = caf::atom_constant<caf::atom("inc")>;

struct counter_state {
  int value = 0;
};

caf::behavior counter(caf::stateful_actor<counter_state>* self) {
  return {[=](get) { return self->state.value; },
          [=](add, int amount) { return self->state.value += amount; },
          [=](inc) { ++self->state.value; }};
}

void caf_main(caf::actor_system& system) {
  caf::scoped_actor self{system};
  auto server = system.spawn(counter);
  self->send(server, inc::value);
  self->request(server, caf::infinite, add::value, 5)
      .receive([](int value) { std::exit(value == 6 ? 0 : 1); },
               [](const caf::error&) { std::exit(1); });
}

CAF_MAIN()
