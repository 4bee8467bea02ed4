// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The tree, in the order of start; it stops in reverse, so that the last writes of the connections'
// last commands are on disk before the files are closed:
//
//   greenroom (rest_for_one)
//     storage (one_for_one)      a writer per shard
//     sessions (dynamic)         a process per session
//     loader                     starts a session for each stored value, before anybody may ask
//     connections (dynamic)      a process per client
//     listener                   accepts clients
#include "server/serve.hpp"

#include <csignal>
#include <cstdio>
#include <random>

#include <troupe/dynamic_supervisor.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/termination.hpp>

#include "persistence/loader.hpp"
#include "server/listener.hpp"
#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

struct StoresPtr {
  storage::ShardedStore* stores = nullptr;  // null: nothing is stored
};

}  // namespace
}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::StoresPtr> = true;

namespace greenroom {
namespace {

// A shard's writer. When it starts it asks the sessions of its shard to send again what its
// predecessor has not answered.
Async<> writer(Process& self, ServerPtr server, StoresPtr stores, unsigned shard) {
  const auto shards = static_cast<unsigned>(server->house.writers.size());
  std::uint64_t cursor = 0;
  do {
    cursor = server->house.sessions.scan(cursor, 1'000, [&](std::string_view key, Pid session) {
      if (storage::shard_of(key, shards) == shard) {
        send(session, SessionServer::WriterStarted{});
      }
    });
  } while (cursor != 0);
  co_await shard_writer(self, StoreHandle{&stores.stores->shard(shard)},
                        server->options.durability);
}

// Starts the process of one stored session; an expired one is forgotten instead, by its process.
Async<> start_stored(Process& self, ServerPtr server, storage::Entry entry) {
  ChildSpec spec =
      child<SessionServer>(HouseRef{&server->house}, std::move(entry.key), std::move(entry.value));
  spec.restart(temporary);
  auto started = co_await DynamicSupervisor::start_child(
      self, named<DynamicSupervisor>(sessions_name), std::move(spec));
  if (!started) {
    log::error("a stored session could not be started: {}", started.error().term());
  }
}

Async<std::expected<std::uint64_t, std::string>> load_shard(Process& self, ServerPtr server,
                                                            StoreHandle store) {
  std::uint64_t count = 0;
  std::string after;
  for (;;) {
    auto page = co_await load_page(self, store, after);
    if (!page) co_return std::unexpected(std::move(page.error()));
    if (!page->entries.empty()) after = page->entries.back().key;
    for (storage::Entry& entry : page->entries) {
      co_await start_stored(self, server, std::move(entry));
      ++count;
    }
    if (page->is_last) co_return count;
  }
}

Async<> stay(Process& self) { co_await self.sleep(infinity); }

Async<std::expected<Pid, ExitReason>> load_all(Process& supervisor, ServerPtr server,
                                               StoresPtr stores) {
  std::uint64_t count = 0;
  for (unsigned shard = 0; stores.stores && shard < stores.stores->shard_count(); ++shard) {
    auto loaded =
        co_await load_shard(supervisor, server, StoreHandle{&stores.stores->shard(shard)});
    if (!loaded) co_return std::unexpected(ExitReason{Term::binary(loaded.error())});
    count += *loaded;
  }
  if (count > 0) log::info("{} sessions restored", count);
  co_return spawn_link(stay);
}

Children tree(ServerPtr server, StoresPtr stores) {
  Children writers;
  for (unsigned shard = 0; shard < server->house.writers.size(); ++shard) {
    ChildSpec spec = child(server->house.writers[shard].atom, writer, server, stores, shard);
    // A full disk's worth of waiting writes takes its time.
    spec.named(server->house.writers[shard]).shutdown(30s);
    writers.push_back(std::move(spec));
  }
  return children(supervisor("storage", std::move(writers)),
                  dynamic_supervisor("sessions", {.name = sessions_name}),
                  child("loader", load_all, server, stores),
                  dynamic_supervisor("connections", {.name = connections_name}),
                  child("listener", start_listener, server));
}

// The innermost words of a start error: a failed child says which child failed with what.
std::string sentence_of(const Term& reason) {
  if (const auto text = reason.as_binary()) return std::string{*text};
  for (std::size_t i = reason.size(); reason.is_tuple() && i > 0; --i) {
    const std::string inner = sentence_of(reason[i - 1]);
    if (!inner.empty()) return inner;
  }
  return {};
}

Async<int> run_tree(Process& self, ServerPtr server, StoresPtr stores) {
  self.trap_exits();
  SupervisorOptions options;
  options.strategy = Strategy::rest_for_one;
  options.name = "greenroom";
  auto started = co_await Supervisor::try_start_link(self, tree(server, stores), options);
  if (!started) {
    const Term reason = started.error().reason.term();
    const std::string sentence = sentence_of(reason);
    std::fprintf(stderr, "greenroom: %s\n",
                 sentence.empty() ? to_erlang(reason).c_str() : sentence.c_str());
    co_return 1;
  }
  const unsigned port = server->port;
  std::printf(
      "Greenroom listens on %s:%u (data in %s, durability %s).\nTry: redis-cli -p %u SET "
      "greeting hello EX 60\n",
      server->options.bind.c_str(), port, server->options.data.c_str(),
      server->options.durability == storage::Durability::memory   ? "memory: nothing is kept"
      : server->options.durability == storage::Durability::commit ? "commit"
                                                                  : "relaxed",
      port);
  std::fflush(stdout);
  const Pid tree_pid = started->pid();
  spawn([](Process& waiter,
           Pid main) -> Async<> { send(main, co_await wait_for_termination(waiter)); },
        self.pid());
  const int code = co_await self.receive(
      [](int signal) {
        log::notice("signal {}: stopping", signal);
        return 0;
      },
      when([&](const Exit& exit) { return exit.from == tree_pid; },
           [](Exit exit) {
             log::error("the tree ended: {}", exit.reason);
             return 1;
           }));
  if (code == 0) co_await stop(self, *started, atoms::shutdown);
  co_return code;
}

std::string random_hex(std::size_t digits) {
  std::random_device entropy;
  std::string text;
  while (text.size() < digits) {
    char word[9];
    std::snprintf(word, sizeof word, "%08x", entropy());
    text += word;
  }
  text.resize(digits);
  return text;
}

}  // namespace

int serve(const ServeOptions& options) {
  // A file that may not grow any more is an error of that write, as a full disk is, and not the end
  // of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  std::unique_ptr<storage::ShardedStore> stores;
  if (options.durability != storage::Durability::memory) {
    storage::ShardedOptions sharded;
    sharded.shards = options.shards;
    sharded.durability = options.durability;
    auto opened = storage::ShardedStore::open(options.data, sharded);
    if (!opened) {
      std::fprintf(stderr, "greenroom: %s\n", opened.error().text.c_str());
      return 1;
    }
    stores = std::move(*opened);
  }

  Server server;
  server.options = options;
  server.run_id = random_hex(40);
  ServerRules rules;
  rules.password = options.requirepass;
  server.rules = std::make_shared<const ServerRules>(std::move(rules));
  server.house.durability = options.durability;
  server.house.max_value_bytes = options.max_value_bytes;
  const unsigned shards = stores ? stores->shard_count() : 0;
  for (unsigned shard = 0; shard < shards; ++shard) {
    server.house.writers.emplace_back("greenroom_writer_" + std::to_string(shard));
  }

  int code = 1;
  {
    RuntimeOptions runtime_options;
    runtime_options.name = "greenroom";
    runtime_options.workers = options.workers;
    runtime_options.shutdown_grace = 60s;
    Runtime runtime{runtime_options};
    server.started_at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
    code = runtime.run(run_tree, ServerPtr{&server}, StoresPtr{stores.get()});
  }
  if (stores) {
    const auto closed = stores->close();
    if (!closed) {
      std::fprintf(stderr, "greenroom: closing the data files: %s\n", closed.error().text.c_str());
      return 1;
    }
  }
  return code;
}

}  // namespace greenroom
