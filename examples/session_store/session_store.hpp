// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The small session store of the course: a process per session, a registry in the place of its
// cache process, storage behind workers, and statistics. What the course's gets wrong and this does
// not: deleting a session kills the cache, because they are linked; sessions are never saved; ids
// are used as file names; an expiry check that was planned before a touch ends the session. The
// large one is Greenroom.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/registry.hpp>
#include <troupe/storage.hpp>
#include <troupe/struct_term.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace session_store {

using Data = std::map<std::string, std::string>;

struct Stats : GenServer<Stats> {
  enum class Event { create, access, remove };
  struct Record {
    Event event;
  };
  struct Counts {
    long creates = 0, accesses = 0, deletes = 0;
    Duration uptime{};
  };
  struct GetStats {
    using Reply = Counts;
  };
  explicit Stats(Process& self) : started_{self.monotonic_time()} {}
  void handle_cast(Record m) {
    ++(m.event == Event::create   ? counts_.creates
       : m.event == Event::access ? counts_.accesses
                                  : counts_.deletes);
  }
  Counts handle_call(Process& self, GetStats) {
    Counts counts = counts_;
    counts.uptime = self.monotonic_time() - started_;
    return counts;
  }

 private:
  Duration started_;
  Counts counts_;
};
inline void record(Stats::Event event) { cast(named<Stats>("stats"), Stats::Record{event}); }

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

struct Session : GenServer<Session> {
  struct Get {
    std::string key;
    using Reply = std::optional<std::string>;
  };
  struct Put {
    std::string key, value;
    using Reply = Done;
  };
  struct AllData {
    using Reply = Data;
  };
  struct Touch {};
  struct Restore {};

  Session(std::string id, Duration ttl) : id_{std::move(id)}, ttl_{ttl} {}
  Async<Init> init(Process&) { co_return continue_with(Restore{}); }
  Async<Next> handle_continue(Process& self, Restore) {
    auto saved = co_await call(self, worker_of(id_), DatabaseWorker::Load{id_});
    if (saved) data_ = std::move(*saved);
    co_return Next::timeout(ttl_);  // counted anew from every use: sliding expiry
  }
  Answer<std::optional<std::string>> handle_call(Get m) {
    record(Stats::Event::access);
    const auto at = data_.find(m.key);
    return {at == data_.end() ? std::optional<std::string>{} : at->second, Next::timeout(ttl_)};
  }
  Async<Answer<Done>> handle_call(Process& self, Put m) {  // answered when it is on disk
    record(Stats::Event::access);
    data_[std::move(m.key)] = std::move(m.value);
    co_await call(self, worker_of(id_), DatabaseWorker::Save{id_, data_});
    co_return {Done{}, Next::timeout(ttl_)};
  }
  Answer<Data> handle_call(AllData) { return {data_, Next::timeout(ttl_)}; }
  Next handle_cast(Touch) { return Next::timeout(ttl_); }
  Async<Next> handle_timeout(Process& self) {  // expired: gone from the disk too
    co_await call(self, worker_of(id_), DatabaseWorker::Delete{id_});
    co_return Next::stop(ExitReason{});
  }

 private:
  std::string id_;
  Duration ttl_;
  Data data_;
};

// The store: statistics, the database pool, a registry of sessions and their supervisor.
inline auto start(Process& self, const std::string& directory) {
  Children workers;
  for (unsigned i = 0; i < pool_size; ++i) {
    const std::string name = "db_" + std::to_string(i);
    workers.push_back(child<DatabaseWorker>(directory + "/" + name).named(name));
  }
  return Supervisor::start_link(
      self,
      children(child<Stats>().named("stats"), supervisor("database", std::move(workers)),
               Registry::spec({.name = "sessions"}),
               dynamic_supervisor("session_supervisor", {.name = "session_supervisor"})),
      {.strategy = rest_for_one});
}

// The session that runs under this id; nothing if none does.
inline std::optional<ServerRef<Session>> get_session(const std::string& id) {
  const auto found = Registry::find<Session>("sessions", id);
  return found.pid() ? std::optional{found} : std::nullopt;
}

// The session of this id: the one that runs, or a new one with what was saved under the id.
inline Async<ServerRef<Session>> create_session(Process& self, std::string id, Duration ttl = 1h) {
  if (const auto found = get_session(id)) co_return *found;
  auto spec = child<Session>(id, ttl).via(Registry::via("sessions", id)).restart(transient);
  const auto started = co_await DynamicSupervisor::start_child(
      self, named<DynamicSupervisor>("session_supervisor"), std::move(spec));
  if (!started) co_return Registry::find<Session>("sessions", id);
  record(Stats::Event::create);
  co_return ServerRef<Session>{started->pid};
}

// False: there is none.
inline Async<bool> delete_session(Process& self, std::string id) {
  const auto found = get_session(id);
  if (!found) co_return false;
  const auto ended = co_await DynamicSupervisor::terminate_child(
      self, named<DynamicSupervisor>("session_supervisor"), found->pid());
  if (ended) record(Stats::Event::remove);
  co_await call(self, worker_of(id), DatabaseWorker::Delete{id});
  co_return ended.has_value();
}

inline std::vector<std::string> active_sessions() {
  std::vector<std::string> ids;
  Registry::for_each("sessions", [&](const Term& id, Pid, const Term&) {
    ids.push_back(id.as_text().value_or(""));
  });
  return ids;
}

}  // namespace session_store
