// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "persistence/shard_writer.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// Bounds of one batch: enough to fill a disk's write, short enough that the first of it does not
// wait long for the last.
constexpr std::size_t max_batch_requests = 4096;
constexpr std::size_t max_batch_bytes = 8u << 20;
constexpr Duration flush_interval = 500ms;

// One commit's worth of requests, in the order in which they came.
struct Batch {
  std::vector<StoreValue> requests;
  std::size_t bytes = 0;

  // Refuses alone what no engine takes, because that would have the whole batch refused, and with
  // it what others wait for.
  void add(StoreValue request) {
    constexpr std::size_t most = storage::max_value_bytes - 64;  // encryption adds 33
    if (request.key.size() > storage::max_key_bytes ||
        (request.value && request.value->size() > most)) {
      send(request.from, StoreFailed{request.revision, "the session is larger than 256 MiB"});
      return;
    }
    bytes += request.key.size() + (request.value ? request.value->size() : 0);
    requests.push_back(std::move(request));
  }
  bool is_full() const { return requests.size() >= max_batch_requests || bytes >= max_batch_bytes; }
};

struct Written {
  Batch batch;
  std::string error;  // empty: none
};

// On the blocking pool. Owns what it touches but for the store, which outlives every process.
Written write(StoreHandle store, Batch batch) {
  std::vector<storage::Change> changes;
  changes.reserve(batch.requests.size());
  for (StoreValue& request : batch.requests) {
    if (request.value && store.cipher) {
      request.value = store.cipher->encrypt(request.key, *request.value);
    }
    changes.push_back(request.value ? storage::Change::put(request.key, *request.value)
                                    : storage::Change::remove(request.key));
  }
  const auto written = store.store->write_batch(changes);
  return Written{std::move(batch), written ? std::string{} : written.error().text};
}

void answer(const Written& written) {
  for (const StoreValue& request : written.batch.requests) {
    if (written.error.empty()) {
      send(request.from, Stored{request.revision});
    } else {
      send(request.from, StoreFailed{request.revision, written.error});
    }
  }
}

// Everything that waits, up to the bounds of a batch.
Async<Batch> gather(Process& self, StoreValue first) {
  Batch batch;
  batch.add(std::move(first));
  while (!batch.is_full()) {
    auto more = co_await self.receive<StoreValue>(0ms);
    if (!more) break;
    batch.add(std::move(*more));
  }
  co_return batch;
}

// The error, empty if there was none; nothing if there was nothing to be written.
Async<std::optional<std::string>> commit(Process& self, StoreHandle store, StoreValue first) {
  Batch batch = co_await gather(self, std::move(first));
  if (batch.requests.empty()) co_return std::nullopt;
  Written written = co_await blocking(
      self, [store, batch = std::move(batch)]() mutable { return write(store, std::move(batch)); });
  answer(written);
  co_return std::move(written.error);
}

Async<> fetch(Process& self, StoreHandle store, FetchValue request) {
  const Pid from = request.from;
  Fetched fetched =
      co_await blocking(self, [store, key = std::move(request.key)]() mutable -> Fetched {
        auto value = store.store->get(key);
        if (!value) return Fetched{std::move(key), std::nullopt, value.error().text};
        if (*value && store.cipher) {
          auto plain = store.cipher->decrypt(key, std::move(**value));
          if (!plain) return Fetched{std::move(key), std::nullopt, std::move(plain.error())};
          *value = std::move(*plain);
        }
        return Fetched{std::move(key), std::move(*value), {}};
      });
  send(from, std::move(fetched));
}

// Entries of a page: few enough that a write behind it waits a few milliseconds at most.
constexpr std::size_t page_entries = 500;

PageRead read(StoreHandle store, const ReadPage& request) {
  PageRead read{.ref = request.ref};
  for (const std::string& key : request.keys) {
    auto value = store.store->get(key);
    if (!value) {
      read.error = std::move(value.error().text);
    } else if (*value) {
      read.entries.push_back({key, std::move(**value)});
    }
  }
  if (!request.keys.empty()) return read;
  auto portion = store.store->portion(request.begin, page_entries);
  if (!portion) {
    read.error = std::move(portion.error().text);
  } else {
    read.entries = std::move(portion->entries);
    read.next = std::move(portion->next);
  }
  return read;
}

Async<> read_page(Process& self, StoreHandle store, ReadPage request) {
  const Pid from = request.from;
  PageRead page = co_await blocking(
      self, [store, request = std::move(request)]() -> PageRead { return read(store, request); });
  send(from, std::move(page));
}

Async<std::string> flush(Process& self, StoreHandle store) {
  co_return co_await blocking(self, [store]() -> std::string {
    const auto flushed = store.store->flush();
    return flushed ? std::string{} : flushed.error().text;
  });
}

// What a writer's last write and last flush came to. Once per change of state it is told: a full
// disk must not fill the log too. A writer that ends takes its part of the statistics with it.
class LastResults {
 public:
  explicit LastResults(StorageHealth* health) : health_{health} {}
  LastResults(const LastResults&) = delete;
  ~LastResults() { count(false); }

  // Empty: it went well.
  void note_write(std::string error) {
    note(write_error_, std::move(error), "storage failed, writes are refused");
  }
  void note_flush(std::string error) {
    note(flush_error_, std::move(error), "storage could not be flushed");
  }

 private:
  void note(std::string& last, std::string error, std::string_view what) {
    if (!error.empty() && health_) health_->writes_failed.fetch_add(1, std::memory_order_relaxed);
    if (error == last) return;
    if (error.empty()) {
      log::notice("storage works again");
    } else {
      log::error("{}: {}", what, error);
    }
    last = std::move(error);
    count(!write_error_.empty() || !flush_error_.empty());
  }
  void count(bool failing) {
    if (health_ && failing != is_counted_) {
      health_->shards_failing.fetch_add(failing ? 1u : -1u, std::memory_order_relaxed);
    }
    is_counted_ = failing;
  }

  StorageHealth* health_;
  std::string write_error_;
  std::string flush_error_;
  bool is_counted_ = false;
};

// What the writer does next, as plain values: a receive clause must not await.
struct Step {
  enum class Kind : std::uint8_t { store, fetch, read_page, flush, stop } kind;
  StoreValue value{};
  FetchValue request{};
  ReadPage page{};
  ExitReason reason{};
};

}  // namespace

Async<> shard_writer(Process& self, StoreHandle store, storage::Durability durability) {
  self.trap_exits();
  const bool is_relaxed = durability == storage::Durability::relaxed;
  bool dirty = false;
  Duration last_flush = self.monotonic_time();
  LastResults last{store.health};
  while (true) {
    // Under load there is always a message: the clock decides, not the silence.
    if (is_relaxed && dirty && self.monotonic_time() - last_flush >= flush_interval) {
      std::string error = co_await flush(self, store);
      dirty = !error.empty();  // tried again, whether or not more is written
      last.note_flush(std::move(error));
      last_flush = self.monotonic_time();
    }
    const Duration until_flush = is_relaxed && dirty ? flush_interval : infinity;
    Step step = co_await self.receive(
        [](StoreValue value) { return Step{Step::Kind::store, std::move(value)}; },
        [](FetchValue request) { return Step{Step::Kind::fetch, {}, std::move(request)}; },
        [](ReadPage request) { return Step{Step::Kind::read_page, {}, {}, std::move(request)}; },
        [](Exit exit) { return Step{Step::Kind::stop, {}, {}, {}, std::move(exit.reason)}; },
        after(until_flush, [] { return Step{Step::Kind::flush}; }));
    switch (step.kind) {
      case Step::Kind::store: {
        std::optional<std::string> error = co_await commit(self, store, std::move(step.value));
        if (!error) break;
        last.note_write(std::move(*error));
        dirty = true;
        break;
      }
      case Step::Kind::fetch:
        co_await fetch(self, store, std::move(step.request));
        break;
      case Step::Kind::read_page:
        co_await read_page(self, store, std::move(step.page));
        break;
      case Step::Kind::flush:
        break;
      case Step::Kind::stop: {
        while (auto waiting = co_await self.receive<StoreValue>(0ms)) {
          (void)co_await commit(self, store, std::move(*waiting));
        }
        (void)co_await flush(self, store);
        self.exit(atoms::shutdown);
      }
    }
  }
}

}  // namespace greenroom
