// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "operation/reload.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include <troupe/http_server.hpp>
#include <troupe/troupe.hpp>

#include "config/command_line.hpp"
#include "operation/log_lines.hpp"
#include "operation/snapshot_keeper.hpp"

namespace greenroom {

using namespace troupe;

ReloadSignal::ReloadSignal() {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, &former_);
  thread_ = std::thread{[this] { run(); }};
}

ReloadSignal::~ReloadSignal() {
  is_ending_ = true;
  pthread_kill(thread_.native_handle(), SIGHUP);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &former_, nullptr);
}

void ReloadSignal::set_receiver(Pid receiver) {
  const std::lock_guard guard{lock_};
  receiver_ = receiver;
  if (receiver_ && std::exchange(has_waited_, false)) send(receiver_, ReloadAsked{});
}

void ReloadSignal::run() {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  for (;;) {
    int signal = 0;
    sigwait(&hangup, &signal);
    if (is_ending_) return;
    const std::lock_guard guard{lock_};
    if (receiver_) {
      send(receiver_, ReloadAsked{});
    } else {
      has_waited_ = true;
    }
  }
}

namespace {

// The settings that need a restart stay as they are, so that the configuration goes on saying what
// is in force: the next reload compares with it, and what starts later (a snapshot, the HTTP port
// after a crash) goes by it. Returns the names of those that were to be something else.
std::string keep_fixed(const Config& before, Config& after) {
  std::string names;
  const auto add = [&](const char* name) {
    names += (names.empty() ? "" : ", ") + std::string{name};
  };
  const auto keep = [&](const char* name, const auto& in_force, auto& asked) {
    if (asked == in_force) return;
    asked = in_force;
    add(name);
  };
  keep("bind", before.serve.bind, after.serve.bind);
  keep("port", before.serve.port, after.serve.port);
  keep("data", before.serve.data, after.serve.data);
  keep("durability", before.serve.durability, after.serve.durability);
  keep("engine", before.serve.engine, after.serve.engine);
  keep("shards", before.serve.shards, after.serve.shards);
  keep("workers", before.serve.workers, after.serve.workers);
  keep("max_clients", before.serve.max_clients, after.serve.max_clients);
  keep("max_value", before.serve.max_value_bytes, after.serve.max_value_bytes);
  keep("max_events", before.serve.max_events, after.serve.max_events);
  keep("max_reply", before.serve.max_reply_bytes, after.serve.max_reply_bytes);
  keep("protected_mode", before.serve.protected_mode, after.serve.protected_mode);
  keep("enable_debug_command", before.serve.enable_debug_command, after.serve.enable_debug_command);
  keep("tls port", before.serve.tls_port, after.serve.tls_port);
  keep("encryption_key_file", before.encryption_key_file, after.encryption_key_file);
  keep("password", before.serve.requirepass, after.serve.requirepass);
  keep("users", before.users, after.users);
  keep("http port", before.http.port, after.http.port);
  keep("http bind", before.http.bind, after.http.bind);
  keep("http tls", before.http.with_tls, after.http.with_tls);
  if (before.http.admin_password.empty() != after.http.admin_password.empty()) {
    after.http.admin_password = before.http.admin_password;
    add("whether there is an admin password");
  }
  return names;
}

void renew_certificates(Server& server, const Config& config, Pid http_server) {
  if (config.tls.certificate.empty()) return;
  auto context =
      net::TlsContext::server({config.tls.certificate, config.tls.key, config.tls.client_ca});
  if (!context) {
    log::error("TLS stays as it was: {}", context.error().text);
    return;
  }
  server.set_tls(*context);
  if (http_server) http::renew_tls(http_server, *context);
}

// What the file says now and did not before. Rules that somebody set by CONFIG SET stay, unless the
// file has changed its mind about the same prefix.
void renew_rules(PrefixRules& rules, const Config& before, const Config& after) {
  for (const PrefixRule& rule : before.prefixes) {
    const auto stays = std::ranges::find(after.prefixes, rule.prefix, &PrefixRule::prefix);
    if (stays == after.prefixes.end()) rules.remove(rule.prefix);
  }
  for (const PrefixRule& rule : after.prefixes) {
    const bool is_new = std::ranges::find(before.prefixes, rule) == before.prefixes.end();
    if (is_new && !rules.set(rule)) {
      log::error("the rules of prefixes were changed too often; only a restart changes them");
      return;
    }
  }
}

}  // namespace

void reload(Operation& operation) {
  const Config before = operation.config();
  Config config = before;
  if (!before.file.empty()) {
    std::string mistakes;
    auto read = read_again(before, mistakes);
    if (!read) {
      log::error("the configuration stays as it was: {}", mistakes);
      return;
    }
    config = std::move(*read);
  }
  for (const std::string& problem : problems_of(config)) {
    log::error("the configuration stays as it was: {}", problem);
    return;
  }
  if (auto opened = operation.audit.open(config.log.audit_file); !opened) {
    log::error("{}", opened.error());
  }
  set_log(config.log);
  renew_certificates(operation.server, config, operation.http_server());
  renew_rules(operation.server.house.rules, before, config);
  if (before.serve.max_memory_bytes != config.serve.max_memory_bytes) {
    operation.server.house.max_memory_bytes =
        static_cast<std::int64_t>(config.serve.max_memory_bytes);
  }
  const std::string fixed = keep_fixed(before, config);
  if (!fixed.empty()) log::warning("only a restart changes: {}", fixed);
  operation.set_config(std::move(config));
  if (const Pid keeper = whereis(snapshot_keeper_name)) send(keeper, SnapshotsConfigured{});
  operation.audit.write({.act = "reload"});
  log::notice("the configuration was read again");
}

}  // namespace greenroom
