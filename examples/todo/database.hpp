// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Lists on disk: a supervisor over workers, each with a directory of its own, and the same key
// always goes to the same worker, chosen in the caller by phash2. In the course two writes of one
// list may reach the disk in either order (its first database starts a process for each), are
// answered before they are there, and every request passes through one process just to learn its
// worker (its second).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <troupe/etf.hpp>
#include <troupe/storage.hpp>
#include <troupe/struct_term.hpp>
#include <troupe/troupe.hpp>

#include "todo_list.hpp"

using namespace troupe;

namespace todo {

inline constexpr int database_workers = 3;

// A store belongs to one caller at a time, and the worker is that caller; the disk is waited for on
// the blocking pool.
struct DatabaseWorker : GenServer<DatabaseWorker> {
  struct Store {
    std::string key;
    List list;
    using Reply = void;
  };
  struct Get {
    std::string key;
    using Reply = std::optional<List>;
  };

  DatabaseWorker(std::string name, std::string directory)
      : name_{std::move(name)}, directory_{std::move(directory)} {}
  Async<Init> init(Process& self) {
    auto opened = co_await blocking(self, [directory = directory_] {
      std::filesystem::create_directories(directory);
      return storage::open_files(directory);
    });
    if (!opened) co_return Init::stop(ExitReason{Term::binary(opened.error().text)});
    store_ = std::move(*opened);
    co_return Init::ok();
  }
  Async<> handle_call(Process& self, Store m) {
    std::string bytes = term_to_binary(to_term(m.list));
    const auto written = co_await blocking(
        self,
        [store = store_, key = m.key, bytes = std::move(bytes)] { return store->put(key, bytes); });
    if (!written) throw std::runtime_error(written.error().text);
    log::debug("{}: stored {}", name_, m.key);
  }
  Async<std::optional<List>> handle_call(Process& self, Get m) {
    const auto bytes =
        co_await blocking(self, [store = store_, key = m.key] { return store->get(key); });
    if (!bytes) throw std::runtime_error(bytes.error().text);
    log::debug("{}: retrieved {}", name_, m.key);
    if (!*bytes) co_return std::nullopt;
    const auto term = binary_to_term(std::string_view{**bytes});
    if (!term) throw std::runtime_error("a stored list is damaged");
    co_return from_term<List>(*term).value();  // throws if it is no list of ours
  }

 private:
  std::string name_;
  std::string directory_;
  std::shared_ptr<storage::Store> store_;
};

inline std::string worker_name(std::uint32_t index) {
  return "database_worker_" + std::to_string(index);
}
inline ServerRef<DatabaseWorker> worker_of(const std::string& key) {
  return named<DatabaseWorker>(worker_name(phash2(Term::binary(key), database_workers)));
}

inline ChildSpec database(const std::string& directory) {
  Children workers;
  for (std::uint32_t i = 0; i < database_workers; ++i) {
    const std::string name = worker_name(i);
    workers.push_back(child<DatabaseWorker>(name, directory + "/" + std::to_string(i)).named(name));
  }
  return supervisor("database", std::move(workers));
}

}  // namespace todo
