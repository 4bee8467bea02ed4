// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>
#include <utility>

#include <troupe/detail/server_core.hpp>
#include <troupe/detail/server_start.hpp>
#include <troupe/detail/server_vtable.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/process.hpp>

namespace troupe {

struct Dormant;
class DormantPtr;

// What the sleepers of one kind have in common. Outlives them all, and may be part of something
// larger that they need when they wake: a cache, a configuration.
struct DormantKind {
  // The body to go on with: owns the sleeper from the call on. See wake_server.
  Async<> (*wake)(Process& self, DormantPtr sleeper);
  // Frees a sleeper, also one whose process has ended asleep. May send.
  void (*drop)(Dormant* sleeper) noexcept;
  // What the process is to observers meanwhile; null: nothing special.
  const detail::Behaviour* behaviour = nullptr;
};

// A process that sleeps as a value. Where a million processes wait, almost all for a long time,
// their stacks are what costs: an idle GenServer is 128 bytes in the process table, its frame and
// its state. A dormant process keeps the first, and of the rest whatever its owner packs into one
// piece of memory that begins with a Dormant: OTP's hibernate, which shrinks the heap as well.
//
//     struct Asleep : Dormant { std::string packed; };
//
//     Next Session::handle_call(...) {                   // the last thing that a handler does
//       sleep_as(self, DormantPtr{new Asleep{{&kind}, pack(state)}});
//       return Next::noreply();
//     }
//
// The server is destroyed as soon as its handler has returned, and the sleeper takes its place:
// pid, links, monitors, name and waiting messages stay, a timeout of the server does not. With the
// next message DormantKind::wake makes a new body, usually a server with wake_server, and that
// handles it. Signals act without waking: a dormant process can be linked, monitored and killed.
//
// Use it where idle processes outnumber busy ones by far; waking costs a few allocations, 0.1 us.
// Elsewhere a GenServer that waits is simpler.
struct Dormant {
  const DormantKind* kind = nullptr;
};

// Owns a sleeper.
class DormantPtr {
 public:
  DormantPtr() noexcept = default;
  explicit DormantPtr(Dormant* sleeper) noexcept : sleeper_{sleeper} {}
  DormantPtr(DormantPtr&& other) noexcept : sleeper_{other.release()} {}
  DormantPtr& operator=(DormantPtr&& other) noexcept {
    std::swap(sleeper_, other.sleeper_);
    return *this;
  }
  ~DormantPtr() {
    if (sleeper_) sleeper_->kind->drop(sleeper_);
  }

  explicit operator bool() const noexcept { return sleeper_ != nullptr; }
  Dormant* get() const noexcept { return sleeper_; }
  Dormant* release() noexcept { return std::exchange(sleeper_, nullptr); }

 private:
  Dormant* sleeper_ = nullptr;
};

// From the handler of a server, as its last act: when it has returned, the process sleeps as this.
// It must not wait any more, and not ask for a continuation. A stop that it asks for wins.
void sleep_as(Process& self, DormantPtr sleeper) noexcept;

// A process that is born asleep, and costs no more than it will: how a store that restarts brings a
// million of them back. Linked to nobody. The null pid if the caller is ending. Throws
// ErrorException{system_limit} as spawn does.
Pid spawn_dormant(DormantPtr sleeper);

// The same, with `prepare(pid)` called before any message can reach it: for a sleeper that has to
// be found under a key by others, who must not find it too early or too late.
Pid spawn_dormant(DormantPtr sleeper, bool (*prepare)(void* context, Pid pid), void* context);
// From outside, for instance from a thread of the blocking pool: on this runtime.
Pid spawn_dormant(Runtime& runtime, DormantPtr sleeper, bool (*prepare)(void* context, Pid pid),
                  void* context);

namespace detail {
Async<> resume_server(Process& self, ServerCore* core);
}

// The body of a process that goes on as a server of type S, made from these arguments (and
// Process& before them, if its constructor takes one). Its init is not called.
template <class S, class... A>
Async<> wake_server(Process& self, A&&... arguments) {
  detail::ServerCell<S>* cell = detail::make_cell<S>(self, std::forward<A>(arguments)...);
  cell->vtable = &detail::server_vtable<S>;
  return detail::resume_server(self, cell);
}

}  // namespace troupe

template <>
inline constexpr bool troupe::enable_message<troupe::DormantPtr> = true;
