// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <variant>

#include <troupe/blocking.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/log.hpp>
#include <troupe/request.hpp>
#include <troupe/store_pool.hpp>

#include "storage/fault.hpp"

// A worker is two processes. The first takes requests, counts what waits, and refuses what is too
// much; it never waits for anything, for a mailbox that grows while a disk hangs would be a queue
// without a maximum. The second, linked to it, owns the store, and is handed all that waits as one
// job when it has done the last. It answers the callers itself.
//
// The store is held by shared pointer, because a job on a blocking thread outlives a writer that is
// killed. Until that job is done the store is locked, and the next worker waits for it
// (open_store).

namespace troupe::storage {
namespace {

using namespace std::chrono_literals;

// Bounds of one batch: enough to fill a disk's write, short enough that the first of it does not
// wait long for the last.
constexpr std::size_t max_job_requests = 4096;
constexpr std::size_t max_job_bytes = 8u << 20;
constexpr Duration longest_pause = 250ms;
// For the writes that wait when the supervisor asks it to stop.
constexpr Duration worker_shutdown = 30s;

struct Write {
  std::string key;
  std::optional<std::string> value;  // none: remove
  using Reply = Result<void>;
};
struct RemoveAll {
  std::vector<std::string> keys;
  using Reply = Result<void>;
};
struct Read {
  std::string key;
  using Reply = Result<std::optional<std::string>>;
};
struct List {
  std::string prefix;
  using Reply = Result<std::vector<std::string>>;
};
struct Page {
  std::string prefix;
  std::optional<std::string> after;
  std::size_t limit = 0;
  using Reply = Result<std::vector<Entry>>;
};
struct Flush {
  using Reply = Result<void>;
};

template <class M>
struct Pending {
  M message;
  From<typename M::Reply> from;
};
using Request = std::variant<Pending<Write>, Pending<RemoveAll>, Pending<Read>, Pending<List>,
                             Pending<Page>, Pending<Flush>>;

std::size_t size_of(const Write& write) {
  return write.key.size() + (write.value ? write.value->size() : 0);
}
std::size_t size_of(const RemoveAll& removal) {
  std::size_t bytes = 0;
  for (const std::string& key : removal.keys) bytes += key.size();
  return bytes;
}
template <class M>
std::size_t size_of(const M&) {
  return 0;
}
std::size_t size_of(const Request& request) {
  return std::visit([](const auto& pending) { return size_of(pending.message); }, request);
}

// What the writer does at once: all writes as one batch, then the rest, which sees them.
struct Job {
  std::vector<Request> requests;
};
struct JobDone {
  std::string poison;  // why the store acknowledges nothing any more; empty: it does
};
// The writer ends, its store closed.
struct CloseStore {};

// The one owner of an open store; closed with the last of its holders.
struct OpenStore {
  std::shared_ptr<Store> store;
};

// What no store takes would have the whole batch refused, and with it what others have asked for.
Result<void> over_the_limit(const std::string& key) {
  return failure(ErrorKind::too_large, "a key of " + std::to_string(key.size()) +
                                           " bytes, or its value, is over the limit");
}

Result<void> checked(const Write& write) {
  if (write.key.size() > max_key_bytes || size_of(write) > max_value_bytes) {
    return over_the_limit(write.key);
  }
  return {};
}

Result<void> checked(const RemoveAll& removal) {
  for (const std::string& key : removal.keys) {
    if (key.size() > max_key_bytes) return over_the_limit(key);
  }
  return {};
}

Result<void> write_all(Store& store, const Job& job) {
  std::vector<Change> changes;
  for (const Request& request : job.requests) {
    if (const auto* write = std::get_if<Pending<Write>>(&request)) {
      const auto& [key, value] = write->message;
      changes.push_back(value ? Change{key, *value} : Change::remove(key));
    } else if (const auto* removal = std::get_if<Pending<RemoveAll>>(&request)) {
      for (const std::string& key : removal->message.keys) changes.push_back({key, {}, true});
    }
  }
  return store.write_batch(changes);
}

Result<std::optional<std::string>> answer(Store& store, const Read& read) {
  return store.get(read.key);
}
Result<std::vector<std::string>> answer(Store& store, const List& list) {
  return store.list(list.prefix);
}
Result<std::vector<Entry>> answer(Store& store, const Page& page) {
  return store.page(page.prefix, page.after, page.limit);
}
Result<void> answer(Store& store, const Flush&) { return store.flush(); }

// On a blocking thread. Answers the callers from there: an answer goes past every mailbox.
JobDone work(Store& store, Job job) {
  JobDone done;
  const auto note = [&](const auto& result) {
    if (!result && result.error().kind == ErrorKind::poisoned) done.poison = result.error().text;
  };
  const Result<void> written = write_all(store, job);
  note(written);
  for (Request& request : job.requests) {
    std::visit(
        [&]<class M>(Pending<M>& pending) {
          if constexpr (std::is_same_v<M, Write> || std::is_same_v<M, RemoveAll>) {
            reply(std::move(pending.from), written);
          } else {
            auto result = answer(store, pending.message);
            note(result);
            reply(std::move(pending.from), std::move(result));
          }
        },
        request);
  }
  return done;
}

Async<std::string> on_store(Process& self, OpenStore open, Result<void> (Store::*what)()) {
  co_return co_await blocking(self, [open, what]() -> std::string {
    const auto done = ((*open.store).*what)();
    return done ? std::string{} : done.error().text;
  });
}

// What a worker is started with.
struct Setup {
  std::shared_ptr<const detail::StoreSource> source;
  PoolOptions options;
  unsigned worker = 0;
  unsigned workers = 1;
};

struct WriterStep {
  std::optional<Job> job;
  bool close = false;
};

}  // namespace
}  // namespace troupe::storage

template <>
inline constexpr bool troupe::enable_message<troupe::storage::Job> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::storage::OpenStore> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::storage::Setup> = true;

namespace troupe::storage {
namespace {

Async<> store_writer(Process& self, Pid worker, OpenStore open, Duration flush_interval) {
  bool dirty = false;
  Duration last_flush = self.monotonic_time();
  for (;;) {
    // Under load there is always a job: the clock decides, not the silence.
    if (dirty && self.monotonic_time() - last_flush >= flush_interval) {
      std::string error = co_await on_store(self, open, &Store::flush);
      dirty = false;
      last_flush = self.monotonic_time();
      if (!error.empty()) send(worker, JobDone{std::move(error)});
    }
    const Duration until_flush =
        dirty ? std::max<Duration>(0ms, last_flush + flush_interval - self.monotonic_time())
              : infinity;
    WriterStep step = co_await self.receive([](Job job) { return WriterStep{std::move(job)}; },
                                            [](CloseStore) { return WriterStep{{}, true}; },
                                            after(until_flush, [] { return WriterStep{}; }));
    if (step.close) {
      std::string error = co_await on_store(self, open, &Store::close);
      if (!error.empty()) log::error("a store could not be closed: {}", error);
      co_return;
    }
    if (!step.job) continue;
    if (!dirty) last_flush = self.monotonic_time();
    dirty = true;
    JobDone done = co_await blocking(self, [open, job = std::move(*step.job)]() mutable {
      return work(*open.store, std::move(job));
    });
    send(worker, std::move(done));
  }
}

Term failed(const StorageError& error) {
  return tuple({atom("storage_failed"), Atom{name_of(error.kind)}, Term::binary(error.text)});
}

class StoreWorker : public GenServer<StoreWorker> {
 public:
  using Info = Messages<JobDone, Exit>;

  StoreWorker(Process& self, Setup setup) : setup_{std::move(setup)} { self.trap_exits(); }

  Async<Init> init(Process& self) {
    auto opened = co_await open_store(self);
    if (!opened) co_return Init::stop(failed(opened.error()));
    writer_ = spawn_link(store_writer, self.pid(), OpenStore{std::move(*opened)},
                         setup_.options.flush_interval);
    co_return Init::ok();
  }

  void handle_call(Write m, From<Result<void>> from) {
    if (auto fine = checked(m); !fine) return reply(std::move(from), std::move(fine));
    take(std::move(m), std::move(from));
  }
  void handle_call(RemoveAll m, From<Result<void>> from) {
    if (auto fine = checked(m); !fine) return reply(std::move(from), std::move(fine));
    take(std::move(m), std::move(from));
  }
  void handle_call(Read m, From<Read::Reply> from) { take(std::move(m), std::move(from)); }
  void handle_call(List m, From<List::Reply> from) { take(std::move(m), std::move(from)); }
  void handle_call(Page m, From<Page::Reply> from) { take(std::move(m), std::move(from)); }
  void handle_call(Flush m, From<Flush::Reply> from) { take(std::move(m), std::move(from)); }

  Next handle_info(JobDone done) {
    if (!done.poison.empty()) {
      log::error("store worker {} starts again: {}", setup_.worker, done.poison);
      return Next::stop(failed({ErrorKind::poisoned, std::move(done.poison)}));
    }
    at_work_ = at_work_bytes_ = 0;
    is_writing_ = false;
    hand_over();
    return {};
  }
  Next handle_info(Exit exit) { return Next::stop(std::move(exit.reason)); }

  // Asked to stop: everything that was accepted is still done.
  Async<> terminate(Process& self, ExitReason reason) {
    if (!reason.is_orderly()) co_return;
    while (is_writing_) {
      const bool goes_on = co_await self.receive([](JobDone done) { return done.poison.empty(); },
                                                 [&](Exit exit) { return exit.from != writer_; });
      if (!goes_on) co_return;
      at_work_ = at_work_bytes_ = 0;
      is_writing_ = false;
      hand_over();
    }
    send(writer_, CloseStore{});
    while ((co_await self.receive<Exit>()).from != writer_) {
    }
  }

  Term introspect() const {
    return map({{atom("worker"), setup_.worker},
                {atom("waiting"), waiting_.size() + at_work_},
                {atom("waiting_bytes"), waiting_bytes_ + at_work_bytes_}});
  }

 private:
  Async<Result<std::shared_ptr<Store>>> open_store(Process& self) {
    const Duration give_up = self.monotonic_time() + setup_.options.open_timeout;
    for (Duration pause = 5ms;; pause = std::min(pause * 2, longest_pause)) {
      auto opened = co_await blocking(
          self, [setup = setup_] { return setup.source->open(setup.worker, setup.workers); });
      if (opened) co_return std::shared_ptr<Store>{std::move(*opened)};
      const bool is_locked = opened.error().kind == ErrorKind::locked_by_other;
      if (!is_locked || self.monotonic_time() >= give_up) {
        co_return std::unexpected(std::move(opened.error()));
      }
      co_await self.sleep(pause);
    }
  }

  template <class M>
  void take(M message, From<typename M::Reply> from) {
    const std::size_t bytes = size_of(message);
    if (waiting_.size() + at_work_ >= setup_.options.max_waiting ||
        waiting_bytes_ + at_work_bytes_ + bytes > setup_.options.max_waiting_bytes) {
      return reply(std::move(from),
                   failure(ErrorKind::busy,
                           "store worker " + std::to_string(setup_.worker) + " has " +
                               std::to_string(waiting_.size() + at_work_) + " requests waiting"));
    }
    waiting_bytes_ += bytes;
    waiting_.push_back(Pending<M>{std::move(message), std::move(from)});
    if (!is_writing_) hand_over();
  }

  // Gives the writer what waits, up to the bounds of a batch.
  void hand_over() {
    if (waiting_.empty()) return;
    Job job;
    while (!waiting_.empty() && at_work_ < max_job_requests && at_work_bytes_ < max_job_bytes) {
      const std::size_t bytes = size_of(waiting_.front());
      waiting_bytes_ -= bytes;
      at_work_bytes_ += bytes;
      ++at_work_;
      job.requests.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    is_writing_ = true;
    send(writer_, std::move(job));
  }

  const Setup setup_;
  Pid writer_;
  bool is_writing_ = false;
  std::deque<Request> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t at_work_ = 0;  // requests of the job under way
  std::size_t at_work_bytes_ = 0;
};

StorageError no_answer(const CallError& error) {
  switch (error.code) {
    case CallError::Code::timeout:
      return {ErrorKind::unavailable, "the store's worker gave no answer in time"};
    case CallError::Code::noproc:
      return {ErrorKind::unavailable, "the store's worker is not running; nothing was done"};
    default:
      return {ErrorKind::unavailable, "the store's worker ended: " + error.reason.to_string()};
  }
}

template <class M>
Async<typename M::Reply> ask(Process& self, Atom worker, M message, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  auto reply =
      co_await place(try_call(self, ServerRef<StoreWorker>{worker}, std::move(message), timeout));
  if (!reply) co_return std::unexpected(no_answer(reply.error()));
  co_return std::move(*reply);
}

Atom worker_for(const StorePool& pool, std::string_view key) {
  return pool.worker_name(pool.worker_of(key));
}

}  // namespace

detail::StoreSource::~StoreSource() = default;

StorePool::StorePool(Name name, unsigned workers) : name_{name.atom} {
  if (workers == 0 || workers > max_shards) {
    throw ErrorException{tuple({atom("bad_worker_count"), workers})};
  }
  std::vector<Atom> names;
  for (unsigned worker = 0; worker < workers; ++worker) {
    names.emplace_back(std::string{name_.text()} + "_" + std::to_string(worker));
  }
  names_ = std::make_shared<const std::vector<Atom>>(std::move(names));
}

unsigned StorePool::worker_of(std::string_view key) const {
  return phash2(Term::binary(key), workers());
}

ChildSpec StorePool::child_from(std::shared_ptr<const detail::StoreSource> source,
                                const PoolOptions& options) const {
  Children all;
  for (unsigned worker = 0; worker < workers(); ++worker) {
    all.push_back(troupe::child<StoreWorker>(Setup{source, options, worker, workers()})
                      .named(worker_name(worker))
                      .shutdown(worker_shutdown));
  }
  SupervisorOptions supervision;
  supervision.max_restarts = options.max_restarts;
  supervision.max_seconds = options.max_seconds;
  supervision.name = name_;
  return supervisor(Term{name_}, std::move(all), std::move(supervision));
}

Async<Result<void>> put(Process& self, StorePool pool, std::string key, std::string value,
                        Duration timeout) {
  const Atom worker = worker_for(pool, key);
  return ask(self, worker, Write{std::move(key), std::move(value)}, timeout);
}

Async<Result<void>> remove(Process& self, StorePool pool, std::string key, Duration timeout) {
  const Atom worker = worker_for(pool, key);
  return ask(self, worker, Write{std::move(key), std::nullopt}, timeout);
}

Async<Result<void>> remove_all(Process& self, StorePool pool, std::vector<std::string> keys,
                               Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  std::vector<RemoveAll> parts(pool.workers());
  for (std::string& key : keys) {
    const unsigned worker = pool.worker_of(key);
    parts[worker].keys.push_back(std::move(key));
  }
  std::vector<PendingReply<Result<void>>> sent;
  for (unsigned worker = 0; worker < pool.workers(); ++worker) {
    if (parts[worker].keys.empty()) continue;
    sent.push_back(send_request(self, ServerRef<StoreWorker>{pool.worker_name(worker)},
                                std::move(parts[worker])));
  }
  Result<void> result;
  for (auto& request : sent) {
    auto done = co_await place(request.response(timeout));
    if (!done) {
      result = std::unexpected(no_answer(done.error()));
    } else if (!*done) {
      result = std::move(*done);
    }
  }
  co_return result;
}

Async<Result<std::optional<std::string>>> get(Process& self, StorePool pool, std::string key,
                                              Duration timeout) {
  const Atom worker = worker_for(pool, key);
  return ask(self, worker, Read{std::move(key)}, timeout);
}

Async<Result<std::vector<std::string>>> list(Process& self, StorePool pool, std::string prefix,
                                             Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  std::vector<std::string> all;
  for (unsigned worker = 0; worker < pool.workers(); ++worker) {
    auto keys = co_await place(ask(self, pool.worker_name(worker), List{prefix}, timeout));
    if (!keys) co_return keys;
    std::ranges::move(*keys, std::back_inserter(all));
  }
  std::ranges::sort(all);
  co_return all;
}

Async<Result<std::vector<Entry>>> page(Process& self, StorePool pool, std::string prefix,
                                       std::optional<std::string> after, std::size_t limit,
                                       Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  std::vector<Entry> all;
  for (unsigned worker = 0; worker < pool.workers(); ++worker) {
    auto part =
        co_await place(ask(self, pool.worker_name(worker), Page{prefix, after, limit}, timeout));
    if (!part) co_return part;
    std::ranges::move(*part, std::back_inserter(all));
    std::ranges::sort(all, {}, &Entry::key);
    if (all.size() > limit) all.resize(limit);
  }
  co_return all;
}

Async<Result<void>> flush(Process& self, StorePool pool, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  for (unsigned worker = 0; worker < pool.workers(); ++worker) {
    auto done = co_await place(ask(self, pool.worker_name(worker), Flush{}, timeout));
    if (!done) co_return done;
  }
  co_return Result<void>{};
}

}  // namespace troupe::storage
