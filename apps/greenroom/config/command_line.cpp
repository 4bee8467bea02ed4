// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "config/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "config/config_file.hpp"

namespace greenroom {

using troupe::storage::Durability;

namespace {

// The value of --config, which has to be known before the other flags are read over it.
std::string config_file_of(int count, const char* const* words) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--config" && i + 1 < count) return words[i + 1];
    if (word.starts_with("--config=")) return std::string{word.substr(9)};
  }
  return {};
}

void add_network(CLI::App& serve, Config& config) {
  serve.add_option("--bind", config.serve.bind, "Numeric address to listen on")
      ->group("Network")
      ->capture_default_str();
  serve
      .add_option("--port", config.serve.port, "Port of the Redis protocol; 0: the system chooses")
      ->group("Network")
      ->capture_default_str();
  serve
      .add_option("--http-port", config.http.port,
                  "Port of health, metrics and the admin page; 0: the system chooses")
      ->group("Network")
      ->check(CLI::Range(0, 65'535))
      ->option_text("PORT");
  serve.add_option("--http-bind", config.http.bind, "Numeric address of that port")
      ->group("Network")
      ->capture_default_str();
  serve.add_flag("--http-tls", config.http.with_tls, "TLS on that port")->group("Network");
  serve.add_option("--maxclients", config.serve.max_clients, "Connections at once")
      ->group("Network")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N [10000]");
}

void add_storage(CLI::App& serve, Config& config) {
  const std::map<std::string, Durability> modes{{"commit", Durability::commit},
                                                {"relaxed", Durability::relaxed},
                                                {"memory", Durability::memory}};
  serve.add_option("--data", config.serve.data, "Directory of the database")
      ->group("Storage")
      ->capture_default_str();
  serve
      .add_option("--durability", config.serve.durability,
                  "commit: a write is acknowledged when it is on disk (default); relaxed: on disk "
                  "within a second; memory: nothing is kept")
      ->group("Storage")
      ->transform(CLI::CheckedTransformer(modes, CLI::ignore_case))
      ->option_text("commit|relaxed|memory");
  serve
      .add_option("--shards", config.serve.shards,
                  "Database files of a new data directory; 0: one per core")
      ->group("Storage")
      ->check(CLI::Range(0, 1024))
      ->option_text("N");
  serve.add_option("--max-value-bytes", config.serve.max_value_bytes, "Largest value of a command")
      ->group("Storage")
      ->check(CLI::Range(1'024, 536'870'912))
      ->option_text("N [64 MiB]");
}

void add_security(CLI::App& serve, Config& config) {
  serve
      .add_option("--requirepass", config.serve.requirepass,
                  "Password clients must give first (better: [security] password in a file that "
                  "only the server's user can read)")
      ->group("Security");
  serve
      .add_flag("--protected-mode,!--no-protected-mode", config.serve.protected_mode,
                "Without any password, serve only clients on this machine (default)")
      ->group("Security");
  serve.add_option("--tls-certificate", config.tls.certificate, "PEM file, chain included")
      ->group("Security");
  serve.add_option("--tls-key", config.tls.key, "PEM file")->group("Security");
  serve
      .add_option("--tls-client-ca", config.tls.client_ca,
                  "PEM file; clients must show a certificate it signed")
      ->group("Security");
}

void add_operation(CLI::App& serve, Config& config) {
  const std::map<std::string, LogConfig::Format> formats{{"text", LogConfig::Format::text},
                                                         {"json", LogConfig::Format::json}};
  serve.add_option("--workers", config.serve.workers, "Worker threads; 0: one per core")
      ->group("Operation")
      ->check(CLI::Range(0, 64))
      ->option_text("N");
  serve.add_option("--log-format", config.log.format, "Lines on stderr as text or as JSON objects")
      ->group("Operation")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case))
      ->option_text("text|json");
  serve
      .add_option("--audit-file", config.log.audit_file,
                  "Logins, refusals and administrative acts, a JSON object a line")
      ->group("Operation");
  serve
      .add_flag("--enable-debug-command", config.serve.enable_debug_command,
                "Allow DEBUG PANIC key, which crashes one session (for tests)")
      ->group("Operation");
}

int say_mistake(const std::string& text) {
  std::fprintf(stderr, "greenroom: %s\n", text.c_str());
  return 1;
}

}  // namespace

std::optional<CommandLine> parse_command_line(int count, const char* const* words, int& exit_code) {
  CommandLine line;
  const std::string file = config_file_of(count, words);
  if (!file.empty()) {
    auto config = read_config_file(file, line.config);
    if (!config) {
      std::fputs(config.error().c_str(), stderr);
      exit_code = 1;
      return std::nullopt;
    }
    line.config = std::move(*config);
  }

  CLI::App app{"Greenroom: web sessions in supervised processes, over the Redis protocol"};
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);
  CLI::App* serve = app.add_subcommand("serve", "Run the server until SIGTERM or SIGINT");
  std::string config_again;
  bool check = false;
  serve
      ->add_option("--config", config_again,
                   "TOML file; flags beat what it says. SIGHUP reads it again")
      ->type_name("FILE");
  serve->add_flag("--check-config", check, "Say what is wrong with the configuration, and end");
  add_network(*serve, line.config);
  add_storage(*serve, line.config);
  add_security(*serve, line.config);
  add_operation(*serve, line.config);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, which is no mistake
      exit_code = app.exit(error);
    } else {
      exit_code =
          say_mistake(std::string{error.what()} + " (greenroom serve --help lists the flags)");
    }
    return std::nullopt;
  }
  if (check) line.command = CommandLine::Command::check_config;
  line.config.words.assign(words, words + count);
  return line;
}

std::optional<Config> read_again(const Config& config, std::string& mistakes) {
  auto read = read_config_file(config.file, Config{});
  if (!read) {
    mistakes = read.error();
    return std::nullopt;
  }
  std::vector<const char*> words;
  for (const std::string& word : config.words) words.push_back(word.c_str());
  int exit_code = 0;
  auto line = parse_command_line(static_cast<int>(words.size()), words.data(), exit_code);
  if (!line) return std::nullopt;
  return std::move(line->config);
}

}  // namespace greenroom
