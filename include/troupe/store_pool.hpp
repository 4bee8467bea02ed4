// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/storage.hpp>
#include <troupe/stored_value.hpp>
#include <troupe/supervisor.hpp>

// Stores behind processes: N workers under a supervisor, each the only one that uses its store.
//
//     const StorePool pool{"sessions", 4};
//     const auto open = [](unsigned worker, unsigned workers) {
//       return storage::open_part("/var/lib/app", worker, workers);
//     };
//     co_await Supervisor::start_link(self, children(pool.child(open)));
//     auto saved = co_await storage::put(self, pool, "ann", bytes);  // durable when this returns
//
// A key is always served by the same worker, erlang:phash2(Key, N), so what is done to one key is
// done in order, and an Elixir node that hashes the binary agrees on where it is. The number of
// workers therefore belongs to the data (see open_part).
//
// Group commit: requests that arrive while a worker's disk is busy wait, and become one batch, and
// one fsync, when it is free. Back pressure: a worker that has max_waiting requests or
// max_waiting_bytes waiting answers `busy` at once; nothing of that request was done. The store
// itself is used on the pool of blocking threads, so no process waits for a disk.
//
// A worker that ends is started again, opens its store again, and serves what was acknowledged;
// requests that were waiting in it are answered `unavailable`: whether they were written is
// unknown. A store that is `poisoned` ends its worker, so that the next one opens it afresh.
// Stopped by its supervisor, a worker writes what waits, and closes its store.
namespace troupe::storage {

struct PoolOptions {
  std::size_t max_waiting = 10'000;  // of requests that one worker has accepted and not answered
  std::size_t max_waiting_bytes = 64 * 1024 * 1024;  // of their keys and values
  // How long a worker tries to open a store that is `locked_by_other`: the worker before it may be
  // in the middle of its last write.
  Duration open_timeout = std::chrono::seconds{10};
  // With Durability::relaxed, what is answered is on disk after this time. Stores of other
  // durabilities have nothing to flush.
  Duration flush_interval = std::chrono::milliseconds{500};
  unsigned max_restarts = 3;  // of all workers together; then the pool ends
  std::chrono::seconds max_seconds{5};
};

namespace detail {

// How a worker opens its store, from any thread and any number of times.
class StoreSource {
 public:
  StoreSource() = default;
  StoreSource(const StoreSource&) = delete;
  virtual ~StoreSource();
  virtual Result<std::unique_ptr<Store>> open(unsigned worker, unsigned workers) const = 0;
};

template <class F>
class StoreFrom final : public StoreSource {
 public:
  explicit StoreFrom(F open) : open_{std::move(open)} {}
  Result<std::unique_ptr<Store>> open(unsigned worker, unsigned workers) const override {
    return open_(worker, workers);
  }

 private:
  F open_;
};

}  // namespace detail

template <class F>
concept OpensStores = std::copy_constructible<F> && requires(const F& open) {
  { open(0U, 1U) } -> std::convertible_to<Result<std::unique_ptr<Store>>>;
};

// The address of a pool: its name and the number of its workers. A copyable value that keeps
// nothing alive. The workers are registered as NAME_0 to NAME_(N-1).
class StorePool {
 public:
  StorePool(Name name, unsigned workers);

  Atom name() const noexcept { return name_; }
  unsigned workers() const noexcept { return static_cast<unsigned>(names_->size()); }
  // Which worker serves the key: erlang:phash2(Key, N) of the binary.
  unsigned worker_of(std::string_view key) const;
  Atom worker_name(unsigned worker) const { return (*names_)[worker]; }

  // The pool as a child of a supervisor. `open(worker, workers)` gives the store of a worker; it is
  // called on threads of the blocking pool, again after each restart, and owns all it refers to.
  template <OpensStores F>
  ChildSpec child(F open, const PoolOptions& options = {}) const {
    return child_from(std::make_shared<const detail::StoreFrom<F>>(std::move(open)), options);
  }

 private:
  ChildSpec child_from(std::shared_ptr<const detail::StoreSource> source,
                       const PoolOptions& options) const;

  Atom name_;
  std::shared_ptr<const std::vector<Atom>> names_;
};

// The requests. Errors are those of the store, and besides `busy` (the worker is behind: nothing
// was done) and `unavailable` (no answer within `timeout`, or the worker ended or is not there).
Async<Result<void>> put(Process& self, StorePool pool, std::string key, std::string value,
                        Duration timeout = default_call_timeout);
Async<Result<void>> remove(Process& self, StorePool pool, std::string key,
                           Duration timeout = default_call_timeout);
// Sees every write that the worker accepted before.
Async<Result<std::optional<std::string>>> get(Process& self, StorePool pool, std::string key,
                                              Duration timeout = default_call_timeout);
// The keys of all workers that start with the prefix, in byte order. One worker after the other is
// asked, so what is written meanwhile may be seen or not.
Async<Result<std::vector<std::string>>> list(Process& self, StorePool pool, std::string prefix = {},
                                             Duration timeout = default_call_timeout);
// As Store::page, over all workers.
Async<Result<std::vector<Entry>>> page(Process& self, StorePool pool, std::string prefix,
                                       std::optional<std::string> after, std::size_t limit,
                                       Duration timeout = default_call_timeout);
// Removes all of the keys; the workers do their parts at the same time. On an error some may be
// gone.
Async<Result<void>> remove_all(Process& self, StorePool pool, std::vector<std::string> keys,
                               Duration timeout = default_call_timeout);
// Everything answered so far survives a power cut when this returns.
Async<Result<void>> flush(Process& self, StorePool pool, Duration timeout = default_call_timeout);

// Values of any mapped type, in the external term format. A stored value that is not a T is
// `wrong_type`.
template <class T>
Async<Result<void>> put_value(Process& self, StorePool pool, std::string key, T value,
                              Duration timeout = default_call_timeout) {
  return put(self, std::move(pool), std::move(key), encode_value(value), timeout);
}
template <class T>
Async<Result<std::optional<T>>> get_value(Process& self, StorePool pool, std::string key,
                                          Duration timeout = default_call_timeout) {
  const troupe::detail::CallerPlace place{self};
  auto bytes = co_await place(get(self, std::move(pool), key, timeout));
  if (!bytes) co_return std::unexpected(std::move(bytes.error()));
  if (!*bytes) co_return std::optional<T>{};
  auto value = decode_value<T>(**bytes, key);
  if (!value) co_return std::unexpected(std::move(value.error()));
  co_return std::optional<T>{std::move(*value)};
}

struct PartOptions {
  Durability durability = Durability::commit;
  bool files = false;  // one file per key (open_files) instead of an append log (open_log)
  Disk* disk = nullptr;
};

// The store of one of several workers that share a directory, which is made if it is absent: the
// append log, or the files, in DIRECTORY/WORKER-of-WORKERS. Opening with another number of workers
// than the directory was made for is refused (`foreign`), because most keys would not be found; so
// is a part that is missing while a later one is there (`corrupt`).
Result<std::unique_ptr<Store>> open_part(const std::string& directory, unsigned worker,
                                         unsigned workers, const PartOptions& options = {});

}  // namespace troupe::storage

template <>
inline constexpr bool troupe::enable_message<troupe::storage::StorePool> = true;
// The answer to a write: void is no message of its own.
template <>
inline constexpr bool troupe::enable_message<troupe::storage::Result<void>> = true;
