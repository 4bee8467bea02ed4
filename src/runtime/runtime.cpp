// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <unordered_set>

#include <troupe/detail/calling_process.hpp>
#include <troupe/log.hpp>
#include <troupe/runtime.hpp>

#include "base/assert.hpp"
#include "base/epoch.hpp"
#include "host/barrier.hpp"
#include "host/memory.hpp"
#include "host/thread.hpp"
#include "runtime/activation.hpp"
#include "runtime/runtime_state.hpp"
#include "runtime/signal.hpp"
#include "runtime/worker_executor.hpp"

namespace troupe {

using namespace detail;

namespace detail {

namespace {

std::unique_ptr<Executor> make_executor(const RuntimeOptions& options) {
  if (options.executor) return nullptr;
  WorkerExecutor::Limits limits{1, 0, options.max_blocking_threads, options.max_timers};
  if (options.execution == Execution::single) {
    return std::make_unique<WorkerExecutor>(WorkerExecutor::Threads::none, limits);
  }
  constexpr unsigned most = WorkerExecutor::max_workers;
  limits.workers = std::min(options.workers ? options.workers : usable_cores(), most);
  limits.max_extra_workers = std::min(options.max_extra_workers, most - limits.workers);
  return std::make_unique<WorkerExecutor>(WorkerExecutor::Threads::own, limits);
}

std::uint64_t next_serial() noexcept {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// References come in blocks, so that making one costs no shared counter. The node's number stands
// in their highest byte: monitors and calls between the nodes of one program are kept by reference
// id alone.
constexpr std::uint64_t refs_per_block = 1024;
constexpr unsigned node_shift = 56;

}  // namespace

NodeClaim::NodeClaim(NodeKind kind) : number{claim_node(kind)} {
  if (number == 0) {
    const char* limit = kind == NodeKind::real ? "127 runtimes in one program"
                                               : "128 simulated runtimes in one program";
    throw ErrorException{tuple({atoms::system_limit, Term::binary(limit)})};
  }
}

RuntimeState::RuntimeState(Runtime& runtime_object, RuntimeOptions runtime_options)
    : runtime{runtime_object},
      serial{next_serial()},
      options{std::move(runtime_options)},
      claim{options.executor ? NodeKind::simulated : NodeKind::real},
      node{claim.number},
      owned_executor{make_executor(options)},
      executor{owned_executor ? owned_executor.get() : options.executor},
      names{node},
      table{node, options.max_processes, *this,
            options.executor ? ProcessTable::Generations::anew : ProcessTable::Generations::go_on} {
  keep_freed_memory();
  if (prepare_barriers()) epoch::use_barrier(barrier_on_all_threads);
}

RuntimeState::~RuntimeState() { owned_executor.reset(); }

std::uint64_t fresh_ref(RuntimeState& runtime) noexcept {
  if (context.next_ref == context.refs_end || context.ref_runtime != runtime.serial) {
    const std::uint64_t block = runtime.next_ref_block.fetch_add(1, std::memory_order_relaxed);
    context.next_ref =
        static_cast<std::uint64_t>(runtime.node) << node_shift | block * refs_per_block;
    context.refs_end = context.next_ref + refs_per_block;
    context.ref_runtime = runtime.serial;
  }
  return context.next_ref++;
}

Newborn conceive(Runtime* runtime_object, const SpawnOptions& options) {
  RuntimeState* runtime = runtime_object ? &runtime_object->state() : context.runtime;
  Block* creator = context.process;
  if (!runtime_object) calling_process();
  if (creator && creator->ending) return Newborn{nullptr, Pid{}, Ref{}};
  Block* block = runtime->table.allocate(runtime->executor->lane());
  if (!block) throw ErrorException{atoms::system_limit};
  block->priority = options.priority;
  block->creator.store(creator && creator->node == runtime->node ? creator->index : no_creator,
                       std::memory_order_relaxed);
  const Pid pid = block->pid();
  Newborn newborn{block, pid, Ref{}};
  try {
    if (!options.label.empty()) relations_of(*block).label = options.label;
    if (options.link && creator) {
      relations_of(*block).links.insert(creator->pid(), LinkEnd{});
      relations_of(*creator).links.insert(pid, LinkEnd{});
    }
    if (options.monitor && creator) {
      newborn.monitor = Ref{creator->node, fresh_ref(*context.runtime)};
      relations_of(*block).monitored_by.insert(newborn.monitor.id(),
                                               WatcherEnd{creator->pid(), false});
      relations_of(*creator).monitors.insert(newborn.monitor.id(), WatchedEnd{.target = pid});
    }
  } catch (...) {
    abandon(newborn);
    throw;
  }
  return newborn;
}

void abandon(const Newborn& newborn) noexcept {
  Block& block = Block::of(*newborn.process);
  RuntimeState& runtime = *runtime_of(newborn.pid.node());
  if (Block* creator = context.process; creator && creator->relations) {
    creator->relations->links.erase(newborn.pid);
    creator->relations->monitors.erase(newborn.monitor.id());
  }
  delete std::exchange(block.relations, nullptr);
  runtime.table.release(block, runtime.executor->lane());
}

void launch(const Newborn& newborn, Async<> body, std::string_view body_name) noexcept {
  Block& block = Block::of(*newborn.process);
  RuntimeState& runtime = *runtime_of(newborn.pid.node());
  block.body = body.release();
  block.body.promise().process = &block.continuation();
  block.continuation().next = block.body;
  if (block.relations) block.relations->body_name = body_name;
  block.inbox.open(newborn.pid.generation());
  runtime.executor->enqueue(block);
}

void replace_body(Process& self, Async<> body, std::string_view body_name) noexcept {
  Block& block = Block::of(self);
  Relations& relations = relations_of(block);
  relations.body_name = body_name;
  relations.next_body = body.release();
}

void submit_blocking(Process& self, std::uint64_t id, Unique<BlockingJob> job) {
  context.runtime->executor->submit(self.pid(), id, std::move(job));
}

}  // namespace detail

Runtime::Runtime(RuntimeOptions options) : state_{new RuntimeState{*this, std::move(options)}} {}

Runtime::~Runtime() { stop(); }

void Runtime::start() { state_->executor->start(); }

namespace {

struct Watch {
  RuntimeState& state;
  static bool main_is_gone(void* context) {
    return static_cast<Watch*>(context)->state.main_is_gone.load(std::memory_order_acquire);
  }
  static bool all_are_gone(void* context) {
    return static_cast<Watch*>(context)->state.table.size() == 0;
  }
};

}  // namespace

ExitReason Runtime::run_main(MainBody make, void* begin) {
  const Newborn born = conceive(this, SpawnOptions{});
  try {
    Async<> body = make(*born.process, begin);
    watch_main(born.pid);
    launch(born, std::move(body), "main");
  } catch (...) {
    abandon(born);
    throw;
  }
  return drive_until_gone();
}

namespace detail {

Async<> program_of(Async<int> main, ProgramEnd& end) {
  end.code = co_await main;
  end.returned = true;
}

Async<> program_of(Async<> main, ProgramEnd& end) {
  co_await main;
  end.returned = true;
}

Async<> program_of(Process& self, void (*call)(Process& self, void* begin, int& code), void* begin,
                   ProgramEnd& end) {
  call(self, begin, end.code);
  end.returned = true;
  co_return;
}

int run_program(ProgramBody make, void* begin) {
  Runtime runtime;
  return runtime.run_program(make, begin);
}

}  // namespace detail

int Runtime::run_program(ProgramBody make, void* begin) {
  ProgramEnd end;
  auto body = [&](Process& self) { return make(self, begin, end); };
  const ExitReason reason = run_main(&begun_body<decltype(body)>, &body);
  return end.returned ? end.code : exit_code_of(reason);
}

void Runtime::watch_main(Pid main) {
  // Before there is anything to wait for: this throws where there are no threads to be had.
  state_->executor->start();
  TROUPE_ASSERT(!state_->has_main.exchange(true), "a runtime runs one main process at a time");
  state_->table.at(main.index()).is_main = true;
}

ExitReason Runtime::drive_until_gone() {
  RuntimeState& state = *state_;
  Watch watch{state};
  ExitReason reason{Atom{"deadlock"}};
  // False: the simulator found everybody waiting for ever, or gave up after its step limit.
  if (state.executor->drive(&Watch::main_is_gone, &watch, -1)) {
    reason = std::move(state.main_reason);
  }
  stop_processes();
  state.main_is_gone.store(false);
  state.has_main.store(false);
  return reason;
}

namespace {

// Asks every process whose creator is gone to shut down, once. The others are left to whoever
// started them: a supervisor stops its children in its own order.
void ask_orphans(Runtime& runtime, RuntimeState& state, std::unordered_set<std::uint64_t>& asked) {
  for (Pid pid : runtime.processes()) {
    const std::uint32_t creator =
        state.table.at(pid.index()).creator.load(std::memory_order_relaxed);
    if (creator != no_creator && !state.table.at(creator).inbox.is_closed()) continue;
    const std::uint64_t key = static_cast<std::uint64_t>(pid.generation()) << 32 | pid.index();
    if (!asked.insert(key).second) continue;
    post(pid, make_signal<ExitSignal>(Pid{}, ExitReason{atoms::shutdown}, false));
  }
}

// How often an ending runtime looks for processes that have lost their creator.
constexpr std::int64_t orphan_interval_ns = 10'000'000;

}  // namespace

void Runtime::stop_processes() {
  RuntimeState& state = *state_;
  Watch watch{state};
  Executor& executor = *state.executor;
  state.stopping.store(true);
  const std::int64_t deadline = executor.now_ns() + state.options.shutdown_grace.count();
  std::unordered_set<std::uint64_t> asked;
  while (state.table.size() != 0 && executor.now_ns() < deadline) {
    ask_orphans(*this, state, asked);
    executor.drive(&Watch::all_are_gone, &watch, executor.now_ns() + orphan_interval_ns);
  }
  if (const std::size_t left = state.table.size(); left != 0) {
    log::warning("node {}: {} processes did not stop within {} ms and are killed",
                 state.options.name, left, state.options.shutdown_grace.count() / 1'000'000);
    for (Pid pid : processes()) {
      post(pid, make_signal<ExitSignal>(Pid{}, ExitReason{atoms::kill}, false));
    }
    if (!executor.drive(&Watch::all_are_gone, &watch,
                        executor.now_ns() + state.options.shutdown_grace.count())) {
      log::error("node {}: {} processes cannot be killed: they never await", state.options.name,
                 state.table.size());
    }
  }
  state.stopping.store(false);
}

void Runtime::stop() {
  stop_processes();
  state_->executor->stop();
}

int Runtime::exit_code_of(const ExitReason& reason) const {
  if (reason.is_orderly() && !state_->main_was_ended) {
    const auto chosen = reason.term().is_tuple(2) ? reason.term()[1].as_int() : std::nullopt;
    return chosen && *chosen >= 0 && *chosen <= 255 ? static_cast<int>(*chosen) : 0;
  }
  // Also the `shutdown` of a supervisor that main had started and that gave up: to whoever started
  // the program that is no success. As in Elixir's scripts.
  log::error("node {}: main {} with {}", state_->options.name,
             state_->main_was_ended ? "was ended" : "ended", reason);
  return 1;
}

std::uint32_t Runtime::node() const noexcept { return state_->node; }
const std::string& Runtime::name() const noexcept { return state_->options.name; }
std::size_t Runtime::process_count() const noexcept { return state_->table.size(); }
unsigned Runtime::workers() const noexcept { return state_->executor->workers(); }

std::vector<Pid> Runtime::processes() const {
  std::vector<Pid> result;
  ProcessTable& table = state_->table;
  const std::uint32_t end = table.used();
  for (std::uint32_t index = 0; index < end; ++index) {
    Block& block = table.at(index);
    // A page of fresh slots that were never used reads as generation 0. Acquire: pairs with
    // ProcessTable::begin_use.
    if (block.generation.load(std::memory_order_acquire) != 0 && !block.inbox.is_closed()) {
      result.push_back(Pid{state_->node, index, block.generation.load(std::memory_order_relaxed)});
    }
  }
  return result;
}

std::vector<std::pair<Atom, Pid>> Runtime::registered() const { return state_->names.all(); }

Pid whereis(Runtime& runtime, std::string_view name) {
  const auto atom = Atom::existing(name);
  return atom ? runtime.state().names.find(*atom) : Pid{};
}

}  // namespace troupe
