// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cstdlib>

#include <troupe/call.hpp>
#include <troupe/log.hpp>
#include <troupe/simulation.hpp>
#include <troupe/testing.hpp>

namespace troupe::testkit {
namespace {

std::string place(const std::source_location& where) {
  return std::string{where.file_name()} + ":" + std::to_string(where.line());
}

std::string milliseconds(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

Result within(std::string_view execution, const Result& result) {
  return result ? result : Result{std::string{execution} + ": " + result.text()};
}

std::string describe(Pid pid, const ProcessInfo& info) {
  std::string text = log::to_string(pid);
  if (info.name != atoms::undefined) text += " named " + std::string{info.name.text()};
  if (!info.label.empty()) text += " \"" + info.label + "\"";
  if (const auto* behaviour = troupe::detail::behaviour_of(pid)) {
    text += " (" + std::string{behaviour->type} + ")";
  }
  if (!info.waits_at.empty()) text += " waiting at " + info.waits_at;
  return text;
}

// The body, and whatever comes after it in any case. What failed first is what is reported.
Async<> run_case(Process& self, detail::Body start, void* body, Duration leak_grace) {
  Context test{self};
  std::exception_ptr failure;
  try {
    co_await start(body, self, test);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  try {
    co_await test.tear_down(leak_grace);
  } catch (const std::exception&) {
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

Failure::Failure(std::string text, const std::source_location& where)
    : text_{place(where) + ": " + text} {}

// --- Context

Context::Callable::~Callable() = default;
Context::~Context() = default;

Async<Pid> Context::start_supervised(ChildSpec child, std::source_location where) {
  if (!supervisor_) {
    supervisor_ = co_await Supervisor::start_link(
        self_, {}, {.max_restarts = 1'000'000, .max_seconds = std::chrono::seconds{1}});
  }
  const std::string id = log::Argument{child.id()}.text();
  auto started = co_await Supervisor::start_child(self_, *supervisor_, std::move(child));
  if (!started) {
    throw Failure{
        "the child " + id + " did not start: " + log::Argument{started.error().term()}.text(),
        where};
  }
  co_return started->pid;
}

Async<> Context::stop_supervised(ChildId id, std::source_location where) {
  if (supervisor_ && (co_await Supervisor::terminate_child(self_, *supervisor_, id)).has_value()) {
    // A temporary child is forgotten already.
    (void)co_await Supervisor::delete_child(self_, *supervisor_, std::move(id));
    co_return;
  }
  throw Failure{"there is no supervised child " + log::Argument{id.term}.text(), where};
}

Async<> Context::stop_all() {
  if (!supervisor_) co_return;
  const Pid supervisor = std::exchange(supervisor_, std::nullopt)->pid();
  self_.unlink(supervisor);
  try {
    co_await stop(self_, supervisor, ExitReason{atoms::shutdown});
  } catch (const ExitException&) {
    // It has ended otherwise, and its children with it.
  }
}

Async<> Context::tear_down(Duration leak_grace) {
  co_await stop_all();
  while (!exits_.empty()) {
    const std::unique_ptr<Callable> callback = std::move(exits_.back());
    exits_.pop_back();
    callback->run();
  }
  co_await refuse_leaks(leak_grace);
}

Async<> Context::refuse_leaks(Duration grace) {
  const Duration deadline = self_.monotonic_time() + grace;
  std::string leaked;
  for (const Pid pid : self_.runtime().processes()) {
    if (pid == self_.pid()) continue;
    const Ref ref = self_.monitor(pid);
    const Duration left = std::max(Duration::zero(), deadline - self_.monotonic_time());
    const bool has_ended = co_await self_.receive(
        when([ref](const Down& down) { return down.ref == ref; }, [](Down) { return true; }),
        after(left, [] { return false; }));
    if (has_ended) continue;
    self_.demonitor(ref, Flush::yes);
    const auto info = co_await process_info(self_, pid);
    if (info) leaked += (leaked.empty() ? "" : ", ") + describe(pid, *info);
  }
  if (!leaked.empty()) throw Failure{"left running: " + leaked};
}

// --- Runs

namespace detail {

Result run_in(Runtime& runtime, Body start, void* body, const Options& options) {
  std::string failure;
  const auto result = runtime.try_run([&, grace = options.leak_grace](Process& self) -> Async<> {
    try {
      co_await run_case(self, start, body, grace);
    } catch (const Failure& expectation) {
      failure = expectation.what();
    } catch (const std::exception& exception) {
      failure = exception.what();
      throw;
    }
  });
  if (failure.empty() && !result) failure = result.error().to_string();
  return Result{std::move(failure)};
}

Result run_on_one_thread(Body start, void* body, const Options& options) {
  Runtime runtime{{.execution = Execution::single}};
  return within("on one thread", run_in(runtime, start, body, options));
}

Result run_on_threads(Body start, void* body, const Options& options) {
  Runtime runtime{{.workers = options.workers}};
  return within("on threads", run_in(runtime, start, body, options));
}

Result run_simulated(Body start, void* body, const Options& options, std::uint64_t seed) {
  Simulation simulation{{.seed = seed}};
  return within("simulated with seed " + std::to_string(seed),
                run_in(simulation.runtime(), start, body, options));
}

Result run_everywhere(Body start, void* body, const Options& options) {
  if (const char* seed = std::getenv("TROUPE_SEED")) {
    return run_simulated(start, body, options, std::strtoull(seed, nullptr, 10));
  }
  Result result = run_on_one_thread(start, body, options);
  if (result) result = run_on_threads(start, body, options);
  for (std::uint64_t run = 0; result && run < options.seeds; ++run) {
    result = run_simulated(start, body, options, options.first_seed + run);
  }
  return result;
}

void fail_to_find(std::string_view type, Duration time,
                  const std::vector<std::string_view>& instead, const std::source_location& where) {
  std::string text = "no message of type " + std::string{type} + " that fits came within " +
                     milliseconds(time) + "; in the mailbox: ";
  if (instead.empty()) text += "nothing";
  for (std::size_t i = 0; i < instead.size(); ++i) {
    if (i > 0) text += ", ";
    text += instead[i];
  }
  throw Failure{std::move(text), where};
}

Async<std::vector<std::string_view>> drain(Process& self) {
  std::vector<std::string_view> types;
  while (co_await self.receive(
      [&types](Any message) {
        types.push_back(message.type_name());
        return true;
      },
      after(Duration::zero(), [] { return false; }))) {
  }
  co_return types;
}

}  // namespace detail

Async<ExitReason> expect_down(Process& self, Pid pid, Duration time, std::source_location where) {
  const Ref ref = self.monitor(pid);
  std::optional<ExitReason> reason =
      co_await self.receive(when([ref](const Down& down) { return down.ref == ref; },
                                 [](Down down) { return std::optional{std::move(down.reason)}; }),
                            after(time, [] { return std::optional<ExitReason>{}; }));
  if (!reason) {
    throw Failure{log::to_string(pid) + " did not end within " + milliseconds(time), where};
  }
  co_return std::move(*reason);
}

// --- CapturedLog

CapturedLog::CapturedLog() { log::set_sink(&take, this); }
CapturedLog::~CapturedLog() { log::set_sink(nullptr, nullptr); }

std::vector<std::string> CapturedLog::lines() const {
  const std::lock_guard guard{lock_};
  return lines_;
}

void CapturedLog::clear() {
  const std::lock_guard guard{lock_};
  lines_.clear();
}

void CapturedLog::take(void* context, const log::Record& record) {
  static constexpr const char* names[] = {"debug", "info", "notice", "warning", "error"};
  std::string line = names[static_cast<int>(record.level)];
  line.append(" ").append(record.text);
  for (const log::Field& field : record.fields) {
    line.append(" ").append(field.key).append("=").append(field.value.text());
  }
  auto& log = *static_cast<CapturedLog*>(context);
  const std::lock_guard guard{log.lock_};
  log.lines_.push_back(std::move(line));
}

}  // namespace troupe::testkit
