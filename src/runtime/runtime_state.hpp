// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <memory>

#include <troupe/runtime.hpp>

#include "runtime/executor.hpp"
#include "runtime/names.hpp"
#include "runtime/process_table.hpp"

namespace troupe::detail {

// A node number of its own, as long as it lives. Throws ErrorException{system_limit}.
struct NodeClaim {
  explicit NodeClaim(NodeKind kind);
  ~NodeClaim() { release_node(number); }
  NodeClaim(const NodeClaim&) = delete;
  const std::uint32_t number;
};

// Everything a runtime consists of; the wiring, no logic.
struct RuntimeState {
  RuntimeState(Runtime& runtime_object, RuntimeOptions runtime_options);
  ~RuntimeState();

  Runtime& runtime;
  const std::uint64_t serial;  // no two runtimes of a program share one, dead or alive
  RuntimeOptions options;
  NodeClaim claim;
  const std::uint32_t node;
  std::unique_ptr<Executor> owned_executor;  // null where the simulator brought its own
  Executor* executor;
  NameTable names;
  ProcessTable table;
  std::atomic<std::uint64_t> next_ref_block{1};

  // Who waits for what end: see Runtime::drive_until_gone and stop.
  std::atomic<bool> stopping{false};
  std::atomic<bool> has_main{false};
  ExitReason main_reason;       // written by its end, read once main_is_gone is true
  bool main_was_ended = false;  // likewise: by a signal of another process, not by itself
  std::atomic<bool> main_is_gone{false};
};

// What the calling thread is doing. One per thread; a null process means outside of every process.
struct Context {
  Block* process = nullptr;
  RuntimeState* runtime = nullptr;
  // Where the stack of what the process runs begins; throws below it are recorded (throw_site.hpp).
  const void* stack_base = nullptr;
  // A block of unused reference ids, so that making one costs no shared counter.
  std::uint64_t next_ref = 0;
  std::uint64_t refs_end = 0;
  std::uint64_t ref_runtime = 0;  // RuntimeState::serial they belong to
  // Messages that the running process has sent, in this activation, to others who were awake
  // already: they have more to read than what woke them. Then those that timers have sent.
  std::uint32_t sent_ahead = 0;
};
extern constinit thread_local Context context;

// Unique on the node for its life, and among the nodes of the program; never 0.
std::uint64_t fresh_ref(RuntimeState& runtime) noexcept;

}  // namespace troupe::detail
