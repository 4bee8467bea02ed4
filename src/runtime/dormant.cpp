// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Going to sleep and being born asleep; waking is in activation.cpp, dying asleep in ending.cpp.
#include <troupe/dormant.hpp>
#include <troupe/spawn.hpp>

#include "base/assert.hpp"
#include "runtime/activation.hpp"

namespace troupe {

using namespace detail;

void sleep_as(Process& self, DormantPtr sleeper) noexcept {
  Block& block = Block::of(self);
  TROUPE_ASSERT(context.process == &block,
                "a Process& was used outside of the process it belongs to");
  const bool is_second = block.phase == Phase::retiring;
  TROUPE_ASSERT(is_second || block.phase == Phase::running, "sleep_as is for a running handler");
  const DormantPtr earlier{is_second ? block.sleeper : nullptr};
  block.sleeper = sleeper.release();
  block.phase = Phase::retiring;
}

namespace {

// On that runtime; null: on the calling process'.
Pid spawn_on(Runtime* runtime, DormantPtr sleeper, bool (*prepare)(void* object, Pid pid),
             void* object) {
  const Newborn born = conceive(runtime, SpawnOptions{});
  if (!born.process) return Pid{};
  Block& block = Block::of(*born.process);
  try {
    if (prepare && !prepare(object, born.pid)) {
      abandon(born);
      return Pid{};
    }
  } catch (...) {
    abandon(born);
    throw;
  }
  set_behaviour(block, sleeper.get()->kind->behaviour);
  block.sleeper = sleeper.release();
  block.phase = Phase::hibernating;
  // Nobody runs it, so nobody else can put it to sleep. Who has its pid already, from `prepare`,
  // finds nobody until it is open, and may wake it before it sleeps: then it is ours to enqueue.
  block.inbox.open(born.pid.generation());
  if (!block.inbox.sleep()) runtime_of(born.pid.node())->executor->enqueue(block);
  return born.pid;
}

}  // namespace

Pid spawn_dormant(DormantPtr sleeper) {
  return spawn_on(nullptr, std::move(sleeper), nullptr, nullptr);
}

Pid spawn_dormant(DormantPtr sleeper, bool (*prepare)(void* object, Pid pid), void* object) {
  return spawn_on(nullptr, std::move(sleeper), prepare, object);
}

Pid spawn_dormant(Runtime& runtime, DormantPtr sleeper, bool (*prepare)(void* object, Pid pid),
                  void* object) {
  return spawn_on(&runtime, std::move(sleeper), prepare, object);
}

}  // namespace troupe
