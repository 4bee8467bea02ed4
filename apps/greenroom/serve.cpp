// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The tree, in the order of start; it stops in reverse, so that the last writes of the connections'
// last commands are on disk before the files are closed:
//
//   greenroom (one_for_one)
//     http                       health, metrics, API and admin page; also while the rest starts
//     statistics                 rates and popular sessions
//     memory                     ends anonymous sessions at the limit of memory
//     store (rest_for_one)
//       storage (one_for_one)    a writer per shard
//       sessions                 keeps the processes of the sessions
//       expiry                   tells sessions that they are due
//       packing                  trains dictionaries
//       packer                   has sessions that were written to compressed in the end
//       loader                   brings the stored sessions back, before anybody may ask
//       connections (dynamic)    a process per client
//       listener                 accepts clients
//       tls_listener             the same with TLS
//       snapshots                makes snapshots
#include "serve.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sys/utsname.h>

#include <troupe/dynamic_supervisor.hpp>
#include <troupe/supervisor.hpp>
#include <troupe/termination.hpp>

#include "http/http_port.hpp"
#include "operation/log_lines.hpp"
#include "operation/reload.hpp"
#include "operation/snapshot_keeper.hpp"
#include "persistence/data_directory.hpp"
#include "security/digest.hpp"
#include "server/listener.hpp"
#include "server/memory_keeper.hpp"
#include "server/statistics.hpp"
#include "session/dictionary_trainer.hpp"
#include "session/for_each_session.hpp"
#include "session/loader.hpp"
#include "session/packer.hpp"
#include "session/session_keeper.hpp"
#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

struct StoresPtr {
  storage::ShardedStore* stores = nullptr;  // null: nothing is stored
  const ValueCipher* cipher = nullptr;      // null: payloads are stored as they are
  StorageHealth* health = nullptr;

  StoreHandle shard(unsigned index) const { return {&stores->shard(index), cipher, health}; }
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
  self.trap_exits();  // from now on: it writes what waits before it ends
  const auto shards = static_cast<unsigned>(server->house.writers.size());
  const auto tell = [shard, shards](std::string_view key, Pid session) {
    if (storage::shard_of(key, shards) == shard) send(session, SessionServer::WriterStarted{});
  };
  // The first table once more: a session that got a value meanwhile has moved there.
  for (const KeyTable* table :
       {&server->house.sessions, &server->house.absent, &server->house.sessions}) {
    co_await for_each_session(self, *table, Pace{}, tell);
  }
  co_await shard_writer(self, stores.shard(shard), server->options.durability);
}

Async<> stay(Process& self) { co_await self.sleep(infinity); }

Async<std::expected<Pid, ExitReason>> load_all(Process& supervisor, OperationPtr operation,
                                               StoresPtr stores) {
  const ServerPtr server{&operation->server};
  std::vector<StoreHandle> shards;
  for (unsigned shard = 0; stores.stores && shard < stores.stores->shard_count(); ++shard) {
    shards.push_back(stores.shard(shard));
  }
  const Duration begin = supervisor.monotonic_time();
  auto count = co_await load_sessions(supervisor, HouseRef{&server->house}, std::move(shards));
  if (!count) co_return std::unexpected(ExitReason{Term::binary(count.error())});
  if (*count > 0) {
    log::info("{} sessions restored in {} ms", *count, (supervisor.monotonic_time() - begin) / 1ms);
  }
  operation->is_loaded = true;
  co_return spawn_link(stay);
}

Children tree(OperationPtr operation, StoresPtr stores) {
  const ServerPtr server{&operation->server};
  Children writers;
  for (unsigned shard = 0; shard < server->house.writers.size(); ++shard) {
    ChildSpec spec = child(server->house.writers[shard].atom, writer, server, stores, shard);
    // A full disk's worth of waiting writes takes its time.
    spec.named(server->house.writers[shard]).shutdown(30s);
    writers.push_back(std::move(spec));
  }
  Children store =
      children(supervisor("storage", std::move(writers)),
               child<SessionKeeper>(HouseRef{&server->house}).named(sessions_name).shutdown(60s),
               child("expiry", expiry_clock, ExpiryClockRef{&server->house.expiry}),
               child("packing", dictionary_trainer, HouseRef{&server->house}).named(trainer_name),
               child("packer", packer, HouseRef{&server->house}).named(packer_name),
               child("loader", load_all, operation, stores),
               dynamic_supervisor("connections", {.name = connections_name}),
               child("listener", start_listener, server));
  if (server->options.tls_port >= 0) {
    store.push_back(child("tls_listener", start_tls_listener, server));
  }
  if (stores.stores) {
    store.push_back(child("snapshots", snapshot_keeper, operation).named(snapshot_keeper_name));
  }
  SupervisorOptions in_order;
  in_order.strategy = Strategy::rest_for_one;
  ChildSpec store_spec = supervisor("store", std::move(store), in_order);
  Children all;
  if (operation->config().http.port >= 0) {
    all.push_back(child("http", start_http_port, operation));
  }
  all.push_back(child<StatisticsServer>(server).named(server->house.statistics));
  all.push_back(child<MemoryKeeper>(server).named(memory_keeper_name));
  all.push_back(std::move(store_spec));
  return all;
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

std::string name_of_system() {
  utsname system{};
  if (uname(&system) != 0) return {};
  return std::string{system.sysname} + " " + system.release + " " + system.machine;
}

std::string in_url(const std::string& host) { return host.contains(':') ? "[" + host + "]" : host; }

void greet(const Operation& operation) {
  const Server& server = operation.server;
  const unsigned port = server.port;
  const ServeOptions& options = server.options;
  const std::string kept =
      options.durability == storage::Durability::memory
          ? "durability memory: nothing is kept"
          : "data in " + options.data + ", durability " + std::string{name_of(options.durability)};
  const std::string host = in_url(options.bind);
  // What redis-cli would not do by itself.
  std::string also;
  const bool is_usual = options.bind == "127.0.0.1" || options.bind == "0.0.0.0";
  if (!is_usual) also += " -h " + options.bind;
  if (server.has_passwords) also += " --askpass";
  std::printf("Greenroom listens on %s:%u (%s).\n", host.c_str(), port, kept.c_str());
  std::printf("Try: redis-cli%s -p %u SET greeting hello EX 60\n", also.c_str(), port);
  if (server.tls_port != 0) {
    std::printf("With TLS on %s:%u.\n", host.c_str(), static_cast<unsigned>(server.tls_port));
  }
  if (operation.http_port != 0) {
    const Config config = operation.config();
    std::printf("HTTP on %s://%s:%u (%s).\n", config.http.with_tls ? "https" : "http",
                in_url(config.http.bind).c_str(), static_cast<unsigned>(operation.http_port),
                config.http.admin_password.empty() ? "health and metrics; no admin password is set"
                                                   : "health, metrics, API, admin page");
  }
  std::fflush(stdout);
}

// Until a signal or the end of the tree, which is the exit code; reloads meanwhile.
Async<int> wait_for_end(Process& self, OperationPtr operation, Pid tree_pid) {
  std::optional<int> code;
  while (!code) {
    code = co_await self.receive(
        [](int signal) {
          log::notice("signal {}: stopping", signal);
          return std::optional{0};
        },
        [&](ReloadAsked) {
          reload(*operation);
          return std::optional<int>{};
        },
        when([&](const Exit& exit) { return exit.from == tree_pid; },
             [](Exit exit) {
               log::error("the tree ended: {}", exit.reason);
               return std::optional{1};
             }));
  }
  co_return *code;
}

struct ReloadPtr {
  ReloadSignal* signal = nullptr;
};

Async<int> run_tree(Process& self, OperationPtr operation, StoresPtr stores, ReloadPtr reload) {
  self.trap_exits();
  // From the first moment on: a server that is told to end while it starts ends in order, too.
  spawn([](Process& waiter,
           Pid main) -> Async<> { send(main, co_await wait_for_termination(waiter)); },
        self.pid());
  SupervisorOptions options;
  options.name = "greenroom";
  auto started = co_await Supervisor::try_start_link(self, tree(operation, stores), options);
  if (!started) {
    const Term reason = started.error().reason.term();
    const std::string sentence = sentence_of(reason);
    std::fprintf(stderr, "greenroom: %s\n",
                 sentence.empty() ? to_erlang(reason).c_str() : sentence.c_str());
    co_return 1;
  }
  greet(*operation);
  reload.signal->set_receiver(self.pid());
  const int code = co_await wait_for_end(self, operation, started->pid());
  reload.signal->set_receiver(Pid{});
  operation->server.is_draining = true;
  if (code == 0) co_await stop(self, *started, atoms::shutdown);
  co_return code;
}

int say(const std::string& sentence) {
  std::fprintf(stderr, "greenroom: %s\n", sentence.c_str());
  return 1;
}

// What problems_of has looked at.
std::vector<User> users_of(const Config& config) {
  std::vector<User> users;
  for (const UserConfig& each : config.users) {
    User user{.name = each.name};
    user.password_sha256 = each.password_sha256.empty()
                               ? std::string{view_of(sha256(each.password))}
                               : bytes_of_hexadecimal(each.password_sha256);
    user.access = *AccessRules::parse(each.rules);
    users.push_back(std::move(user));
  }
  return users;
}

// Logins, good and bad, stand in the audit log.
void audit_login(AuditLog& audit, const LoginAttempt& attempt) {
  using Outcome = LoginAttempt::Outcome;
  const bool is_accepted = attempt.outcome == Outcome::accepted;
  audit.write({.act = is_accepted ? "login" : "login refused",
               .who = attempt.user.empty() ? "(nobody)" : attempt.user,
               .from = attempt.address,
               .note = attempt.outcome == Outcome::must_wait ? "too many wrong passwords" : ""});
}

std::shared_ptr<const ServerRules> server_rules_of(Operation& operation, const Config& config) {
  auto rules = std::make_shared<ServerRules>();
  rules->password = config.serve.requirepass;
  rules->users = users_of(config);
  rules->backoff = std::make_shared<LoginBackoff>();
  rules->on_login = [&audit = operation.audit](const LoginAttempt& attempt) {
    audit_login(audit, attempt);
  };
  return rules;
}

// Session ids are hashed with a key of the data directory; where nothing is kept, of this run.
std::expected<IdHash, std::string> id_hash_of(const ServeOptions& options) {
  if (options.durability == storage::Durability::memory) return IdHash{};
  return IdHash::of_directory(options.data);
}

}  // namespace

int serve(const Config& config) {
  for (const std::string& problem : problems_of(config)) return say(problem);
  const ServeOptions& options = config.serve;
  set_log(config.log);
  // A file that may not grow any more is an error of that write, as a full disk is, and not the end
  // of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  std::unique_ptr<storage::ShardedStore> stores;
  if (options.durability != storage::Durability::memory) {
    storage::ShardedOptions sharded = data_directory_options();
    sharded.shards = options.shards;
    sharded.durability = options.durability;
    sharded.engine = options.engine;
    auto opened = storage::ShardedStore::open(options.data, sharded);
    if (!opened) return say(opened.error().text);
    stores = std::move(*opened);
  }

  Server server;
  server.options = options;
  if (stores) server.options.engine = stores->engine();
  server.run_id = random_hexadecimal(40);
  server.os = name_of_system();
  std::error_code unreadable;
  server.executable = std::filesystem::read_symlink("/proc/self/exe", unreadable).string();
  if (!config.file.empty()) server.config_file = std::filesystem::absolute(config.file).string();
  server.house.durability = options.durability;
  server.house.max_value_bytes = options.max_value_bytes;
  const unsigned shards = stores ? stores->shard_count() : 0;
  for (unsigned shard = 0; shard < shards; ++shard) {
    server.house.writers.emplace_back("greenroom_writer_" + std::to_string(shard));
  }

  server.house.max_memory_bytes = static_cast<std::int64_t>(options.max_memory_bytes);
  for (const PrefixRule& rule : config.prefixes) (void)server.house.rules.set(rule);

  auto hash = id_hash_of(options);
  if (!hash) return say(hash.error());
  server.id_hash = std::move(*hash);
  Operation operation{server, config};
  server.rules = server_rules_of(operation, config);
  server.has_passwords = server.rules->needs_login();
  if (auto opened = operation.audit.open(config.log.audit_file); !opened) {
    return say(opened.error());
  }

  std::optional<ValueCipher> cipher;
  if (!config.encryption_key_file.empty()) {
    auto read = ValueCipher::from_file(config.encryption_key_file);
    if (!read) return say(read.error());
    cipher = std::move(*read);
  }
  if (!config.tls.certificate.empty()) {
    auto tls =
        net::TlsContext::server({config.tls.certificate, config.tls.key, config.tls.client_ca});
    if (!tls) return say("TLS: " + tls.error().text);
    server.set_tls(std::move(*tls));
  }

  int code = 1;
  {
    ReloadSignal reload_signal;
    RuntimeOptions runtime_options;
    runtime_options.name = "greenroom";
    runtime_options.workers = options.workers;
    runtime_options.shutdown_grace = 60s;
    Runtime runtime{runtime_options};
    server.started_at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
    server.house.event_ring.begin(static_cast<std::uint64_t>(server.started_at_ms),
                                  options.max_events);
    // Tokens grow over restarts too, and stay below what a double can count.
    server.house.last_lock_token = static_cast<std::uint64_t>(server.started_at_ms) * 1'000;
    code = runtime.run(run_tree, OperationPtr{&operation},
                       StoresPtr{stores.get(), cipher ? &*cipher : nullptr, &server.storage_health},
                       ReloadPtr{&reload_signal});
  }
  if (stores) {
    const auto closed = stores->close();
    if (!closed) return say("closing the data files: " + closed.error().text);
  }
  return code;
}

}  // namespace greenroom
