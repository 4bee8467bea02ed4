// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What sessions leave on disk, behind workers. The course uses ids as file names, so that an id
// with `../` in it writes anywhere, and a read error crashes the worker by a missing clause; the
// file store escapes them, and an error says what it is.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <troupe/etf.hpp>
#include <troupe/storage.hpp>
#include <troupe/struct_term.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace session_store {

using Data = std::map<std::string, std::string>;

// Saves and loads; the same id always goes to the same worker, so its saves keep their order.
struct DatabaseWorker : GenServer<DatabaseWorker> {
  struct Save {
    std::string id;
    Data data;
    using Reply = void;
  };
  struct Load {
    std::string id;
    using Reply = std::optional<Data>;
  };
  struct Delete {
    std::string id;
    using Reply = void;
  };
  explicit DatabaseWorker(std::string directory) : directory_{std::move(directory)} {}
  Async<Init> init(Process& self) {
    auto opened = co_await blocking(self, [d = directory_] {
      std::filesystem::create_directories(d);
      return storage::open_files(d);
    });
    if (!opened) co_return Init::stop(ExitReason{Term::binary(opened.error().text)});
    store_ = std::move(*opened);
    co_return Init::ok();
  }
  Async<> handle_call(Process& self, Save m) {
    const auto saved = co_await blocking(
        self, [s = store_, id = std::move(m.id), bytes = term_to_binary(to_term(m.data))] {
          return s->put(id, bytes);
        });
    if (!saved) throw std::runtime_error(saved.error().text);
  }
  Async<std::optional<Data>> handle_call(Process& self, Load m) {
    const auto bytes =
        co_await blocking(self, [s = store_, id = std::move(m.id)] { return s->get(id); });
    if (!bytes) throw std::runtime_error(bytes.error().text);
    if (!*bytes) co_return std::nullopt;
    const auto term = binary_to_term(std::string_view{**bytes});
    if (!term) throw std::runtime_error("a stored session is damaged");
    co_return from_term<Data>(*term).value();
  }
  Async<> handle_call(Process& self, Delete m) {
    const auto gone =
        co_await blocking(self, [s = store_, id = std::move(m.id)] { return s->remove(id); });
    if (!gone) throw std::runtime_error(gone.error().text);
  }

 private:
  std::string directory_;
  std::shared_ptr<storage::Store> store_;
};
inline constexpr unsigned pool_size = 3;
inline ServerRef<DatabaseWorker> worker_of(const std::string& id) {
  return named<DatabaseWorker>("db_" + std::to_string(phash2(Term::binary(id), pool_size)));
}

inline ChildSpec database(const std::string& directory) {
  Children workers;
  for (unsigned i = 0; i < pool_size; ++i) {
    const std::string name = "db_" + std::to_string(i);
    workers.push_back(child<DatabaseWorker>(directory + "/" + name).named(name));
  }
  return supervisor("database", std::move(workers));
}

}  // namespace session_store
