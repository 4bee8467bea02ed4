// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>

#include <troupe/detail/behaviour.hpp>
#include <troupe/process.hpp>
#include <troupe/timer.hpp>

#include "runtime/envelope_list.hpp"
#include "runtime/mailbox.hpp"

namespace troupe {
struct Dormant;
}

namespace troupe::detail {

struct Relations;
struct RuntimeState;

// The limit of the wait a process stands in, and the timer that wakes it. They are two things: a
// process that calls and calls again sets a limit of five seconds each time and is answered within
// a microsecond. So the timer stays when a wait ends, and serves the next wait as well if it fires
// before that one's limit: the process looks at the clock then, and starts another for the rest.
//
// Before a wait without a limit the process cancels it only if it may be long until it fires. A
// server that makes a call for each of its requests would start and cancel a timer each time, which
// was a fifth of such a request. So a process that has become idle may be woken once more, for
// nothing, within `stays_ns` of its last wait with a limit. One that goes to sleep without a stack,
// or ends, leaves no timer behind.
struct WaitClock {
  static constexpr std::int64_t never = INT64_MAX;
  // Limits from here on, calls' among them, are counted from a clock that is up to 25 ms ahead:
  // reading the exact one took as long as two messages. They are never too short.
  static constexpr std::int64_t rough_from_ns = 5'000'000'000;
  static constexpr std::int64_t stays_ns = 10'000'000'000;

  std::int64_t limit_ns = never;  // of this wait; never: it has none, or none has begun
  std::int64_t timer_ns = never;  // when the timer fires; never: none runs
  std::uint64_t id = 0;           // of the timer: what its TimeoutSignal carries
  TimerRef timer;
  bool stays = false;  // it was started for at most `stays_ns`

  bool runs() const noexcept { return timer_ns != never; }
  void* operator new(std::size_t size) { return allocate(size); }
  void operator delete(void* memory, std::size_t size) noexcept { deallocate(memory, size); }
};

// What a process does at the moment. Only the thread that runs it, or the one that has just taken
// it from a run queue, reads or writes this.
enum class Phase : std::uint8_t {
  ready,        // the continuation is to be resumed: new, or after a yield
  running,      // its coroutine is on some worker's stack
  receiving,    // `receiver` waits for a message
  replying,     // `wait` waits for a reply
  retiring,     // as running, up to the next receive, where `sleeper` takes its stack's place
  hibernating,  // waits for any message; `sleeper` wakes then, or, if it is null, the body goes on
};

inline constexpr std::uint32_t no_creator = UINT32_MAX;

// The control block of a process: two cache lines in the process table, never freed while the
// runtime lives, reused by other processes. The first line is what senders and schedulers touch;
// the second is the owner's. Whatever most processes never have hangs behind `relations`.
class alignas(64) Block final : public Process {
 public:
  // --- Any thread.
  Inbox inbox;
  std::atomic<std::uint32_t> generation;  // of the tenant; odd or even means nothing
  std::uint32_t index;
  std::uint32_t node;
  // Set while the process has a mailbox limit that refuses senders; they then read the count.
  std::atomic<std::uint8_t> limited;
  Priority priority;  // read by whoever enqueues: the owner changes it while running
  Phase phase;
  bool traps_exits : 1;
  bool timed_out : 1;  // the timeout of the current wait has come
  bool doomed : 1;     // a fatal signal was taken; `fate` holds the reason, nothing runs any more
  bool yielded : 1;    // to the tail of the queue, please
  bool crash_reported : 1;
  bool letting_go : 1;  // of its frames
  bool ending : 1;      // frames are being destroyed: spawn, link, register and timers do nothing
  bool is_main : 1;     // somebody waits for its end in Runtime::try_run

  // Link of whichever one list the block is in: a run queue's overflow, or the free list.
  Block* next;
  std::int16_t budget;  // receives left in this activation
  // Of those that run on threads: where it ran last, counted from one. A hint (see crossings.cpp).
  std::atomic<std::uint8_t> worker;
  std::uint32_t reductions;  // receives and waits so far, for the observer
  union {
    Receiver* receiver;  // phase receiving, or ready after a budget yield in a receive
    ReplyWait* wait;     // phase replying
    Dormant* sleeper;    // phases retiring and hibernating
  };

  // --- The owner.
  MessageQueue queue;
  Envelope* scanned;     // the last message the current receive has refused; null: none yet
  Relations* relations;  // links, monitors, names, dictionary...: null in most processes
  std::coroutine_handle<Promise<void>> body;
  WaitClock* clock;  // null until the first wait with a limit

  // The registered name as an atom index; 0 (nil, which is no name) for none. Any thread, see
  // name_process.
  std::atomic<std::uint32_t> name;
  // The slot of the process that spawned this one, `no_creator` for threads outside. Without the
  // generation, because it only decides whom an ending runtime asks first (see stop_processes).
  std::atomic<std::uint32_t> creator;
  // What kind of server this is, null for a plain process. Any thread reads it.
  std::atomic<const Behaviour*> behaviour;

  Pid pid() const noexcept { return Pid{node, index, generation.load(std::memory_order_relaxed)}; }
  Continuation& continuation() noexcept { return continuation_; }
  const Continuation& continuation() const noexcept { return continuation_; }

  static Block& of(Process& process) noexcept { return static_cast<Block&>(process); }
  static const Block& of(const Process& process) noexcept {
    return static_cast<const Block&>(process);
  }

  // The table's zero pages are blocks (ProcessTable::begin_use).
  Block() = delete;
  ~Block() = delete;
};

inline bool is_running(const Block& block) noexcept {
  return block.phase == Phase::running || block.phase == Phase::retiring;
}

static_assert(sizeof(Block) == 128, "an idle process must stay small");

}  // namespace troupe::detail
