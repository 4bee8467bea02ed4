// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <troupe/detail/main_body.hpp>
#include <troupe/detail/unique.hpp>
#include <troupe/spawn.hpp>

namespace troupe {

namespace detail {
class Executor;
struct RuntimeState;
}  // namespace detail

// Who runs the processes of a runtime.
enum class Execution : std::uint8_t {
  threads,  // one worker thread per core (or RuntimeOptions::workers)
  single,   // the thread that calls run, and no other worker
};

// Every limit has a name, a default with a reason, and a clear error when it is reached; the table
// is docs/reference/limits.md.
struct RuntimeOptions {
  std::string name = "nonode@nohost";  // what reports call this node
  Execution execution = Execution::threads;
  unsigned workers = 0;  // 0: one per core that this program may use
  // Workers that may be added for as long as others are kept by processes that have not awaited
  // anything for 10 ms; 0: such processes are only reported. Only with Execution::threads.
  unsigned max_extra_workers = 8;
  // Timers that are to deliver a message, pending on one worker: about 64 B each. send_after and
  // start_timer throw ErrorException{system_limit} beyond; timeouts of waits do not count.
  std::uint32_t max_timers = 16'777'216;
  // Slots of the process table: 128 B of address space each, touched only when used. spawn throws
  // ErrorException{system_limit} beyond.
  std::uint32_t max_processes = 16'777'216;
  unsigned max_blocking_threads = 64;  // for co_await blocking(...); more jobs wait in line
  Duration shutdown_grace =
      std::chrono::seconds{5};  // from the exit signal to the kill, at the end
  // Of the simulator; null: made from `execution`. Not owned.
  detail::Executor* executor = nullptr;
};

// A node: its processes, names, timers and workers. Several may live in one program, each a node of
// its own; a pid finds its runtime by its node number. Inside a process the free functions use that
// process's runtime; outside they take a Runtime&.
//
// Destroying it ends what still runs, as stop does.
class Runtime {
 public:
  explicit Runtime(RuntimeOptions options = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Runs `main(self, arguments...)` as a process and returns what it returned, once it and
  // everything it started are gone: what is left when it ends is asked to shut down (exit signal
  // `shutdown`), and killed after RuntimeOptions::shutdown_grace. If main ended otherwise, the
  // reason. The calling thread waits (Execution::threads) or does the work (Execution::single,
  // simulator). Not from inside a process.
  template <class F, class... A>
  auto try_run(F main, A... arguments) {
    using Result = std::invoke_result_t<F&, Process&, A...>;
    if constexpr (detail::is_async<Result>) {
      return run_to_end<typename Result::Value>(std::move(main), std::move(arguments)...);
    } else {
      return run_to_end<Result>(std::move(main), std::move(arguments)...);
    }
  }

  // As try_run, for main(): the exit code is what `main` returned (0 for void), N if it ended with
  // {shutdown, N}, 0 if itself with another normal or shutdown; else 1, and stderr says of what.
  template <class F, class... A>
  int run(F main, A... arguments) {
    auto begin = [&](Process& self) { return main(self, std::move(arguments)...); };
    if constexpr (detail::IsProgram<F, decltype(begin)>) {
      return run_program(&detail::program_body<decltype(begin)>, &begin);
    } else {
      auto result = try_run(std::move(main), std::move(arguments)...);
      if (!result) return exit_code_of(result.error());
      if constexpr (std::is_same_v<typename decltype(result)::value_type, int>) {
        return *result;
      } else {
        return 0;
      }
    }
  }

  // Lets the workers run until stop is called; for programs that spawn and send from their own
  // threads. Only with Execution::threads.
  void start();
  // Asks every process to shut down, kills what is left after the grace time, and waits for the
  // workers. Idempotent. Where there are no threads to be had for what was spawned before start, it
  // runs on the calling one until it has ended.
  void stop();

  std::uint32_t node() const noexcept;
  const std::string& name() const noexcept;
  std::size_t process_count() const noexcept;
  unsigned workers() const noexcept;

  // The pids of all live processes; a moment's picture.
  std::vector<Pid> processes() const;
  // The registered names and whose they are; a moment's picture.
  std::vector<std::pair<Atom, Pid>> registered() const;

  detail::RuntimeState& state() const noexcept { return *state_; }

 private:
  template <class T, class F, class... A>
  std::expected<T, ExitReason> run_to_end(F main, A... arguments) {
    using Kept = std::conditional_t<std::is_void_v<T>, bool, T>;
    std::optional<Kept> kept;
    auto begin = [&](Process& self) {
      return keep_result<Kept>(self, &kept, std::move(main), std::move(arguments)...);
    };
    ExitReason reason = run_main(&detail::begun_body<decltype(begin)>, &begin);
    if (!kept) return std::expected<T, ExitReason>{std::unexpect, std::move(reason)};
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(*kept);
    }
  }

  template <class Kept, class F, class... A>
  static Async<> keep_result(Process& self, std::optional<Kept>* kept, F main, A... arguments) {
    using Result = std::invoke_result_t<F&, Process&, A...>;
    if constexpr (std::is_same_v<Result, Async<void>>) {
      co_await main(self, std::move(arguments)...);
      *kept = true;
    } else if constexpr (std::is_void_v<Result>) {
      main(self, std::move(arguments)...);
      *kept = true;
    } else if constexpr (detail::is_async<Result>) {
      *kept = co_await main(self, std::move(arguments)...);
    } else {
      *kept = main(self, std::move(arguments)...);
    }
  }

  friend int detail::run_program(detail::ProgramBody make, void* begin);
  // Runs the body that `make` gives as main, until all are gone: what main ended with.
  ExitReason run_main(detail::MainBody make, void* begin);
  int run_program(detail::ProgramBody make, void* begin);
  void watch_main(Pid main);
  ExitReason drive_until_gone();
  void stop_processes();
  int exit_code_of(const ExitReason& reason) const;

  detail::Unique<detail::RuntimeState> state_;
};

// Makes a runtime with default options, runs `main` in it, and returns its exit code.
template <class F, class... A>
int run(F main, A... arguments) {
  auto begin = [&](Process& self) { return main(self, std::move(arguments)...); };
  if constexpr (detail::IsProgram<F, decltype(begin)>) {
    return detail::run_program(&detail::program_body<decltype(begin)>, &begin);
  } else {
    Runtime runtime;
    return runtime.run(std::move(main), std::move(arguments)...);
  }
}

// From threads outside of every runtime.
Pid whereis(Runtime& runtime, std::string_view name);

template <Message M>
void send(Runtime&, Pid to, M message) {
  send(to, std::move(message));
}
// Throws ErrorException{badarg} if nobody has the name.
template <Message M>
void send(Runtime& runtime, std::string_view to, M message) {
  const Pid pid = whereis(runtime, to);
  if (!pid) throw ErrorException{atoms::badarg};
  send(pid, std::move(message));
}

}  // namespace troupe
