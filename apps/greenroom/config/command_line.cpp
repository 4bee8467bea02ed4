// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "config/command_line.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <map>

#include "config/config_file.hpp"
#include "resp/server_facts.hpp"
#include "text/units.hpp"

namespace greenroom {

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

// The word becomes the number of the choice it names. CLI11 has such a check, whose error shows the
// numbers too.
template <class Value>
CLI::Validator one_of(std::map<std::string, Value> choices) {
  return {[choices = std::move(choices)](std::string& word) -> std::string {
            const auto found = choices.find(CLI::detail::to_lower(word));
            if (found != choices.end()) {
              word = std::to_string(static_cast<unsigned>(found->second));
              return {};
            }
            std::string names;
            for (const auto& [name, value] : choices) names += (names.empty() ? "" : ", ") + name;
            return "\"" + word + "\" is none of " + names;
          },
          ""};
}

// As in the file; 0 takes back what the file says.
std::string check_max_memory(const std::string& text) {
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  const bool is_fit = bytes == 0 || (bytes >= 1u << 20 && bytes <= std::uint64_t{1} << 50);
  return is_number && is_fit ? "" : "is a size from 1MiB to 1024TiB, or 0 for no limit";
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
      .add_option("--tls-port", config.serve.tls_port,
                  "Port of the Redis protocol with TLS (needs --tls-certificate and --tls-key); 0: "
                  "the system chooses")
      ->group("Network")
      ->check(CLI::Range(0, 65'535))
      ->option_text("PORT");
  serve
      .add_option("--http-port", config.http.port,
                  "Port of health, metrics, the JSON API and the admin page; 0: the system chooses")
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

// Lets an option be one of the names, in any case, and says so in the help.
template <class T, std::size_t Count>
void add_choices(CLI::Option* option, const std::pair<const char*, T> (&choices)[Count]) {
  std::string names;
  for (const auto& [name, value] : choices) names += (names.empty() ? "" : "|") + std::string{name};
  option->transform(one_of(std::map<std::string, T>{std::begin(choices), std::end(choices)}))
      ->option_text(names);
}

void add_storage(CLI::App& serve, Config& config) {
  serve.add_option("--data", config.serve.data, "Directory of the sessions")
      ->group("Storage")
      ->capture_default_str();
  add_choices(
      serve
          .add_option("--durability", config.serve.durability,
                      "commit: a write is acknowledged when it is on disk (default); relaxed: on "
                      "disk within a second; memory: nothing is kept")
          ->group("Storage"),
      durabilities);
  add_choices(
      serve
          .add_option("--engine", config.serve.engine,
                      "Of a new data directory; log: append logs (default); sqlite: SQLite files")
          ->group("Storage"),
      engines);
  serve
      .add_option("--shards", config.serve.shards,
                  "Parts of a new data directory, written side by side; 0: one per core")
      ->group("Storage")
      ->check(CLI::Range(0, 1024))
      ->option_text("N");
  serve.add_option("--max-value-bytes", config.serve.max_value_bytes, "Largest value of a command")
      ->group("Storage")
      ->check(CLI::Range(1'024, 536'870'912))
      ->option_text("N [64 MiB]");
  serve
      .add_option("--max-memory", config.serve.max_memory_bytes,
                  "What all sessions may take, as estimated; then anonymous ones end, and at last "
                  "writes are refused")
      ->group("Storage")
      ->transform(CLI::AsSizeValue(false))
      ->check(check_max_memory)
      ->option_text("BYTES [no limit]");
  serve
      .add_option("--max-reply-bytes", config.serve.max_reply_bytes,
                  "Largest reply of a command on several keys, and of EXEC")
      ->group("Storage")
      ->check(CLI::Range(1'024, 1'073'741'824))
      ->option_text("N [256 MiB]");
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
  serve
      .add_option("--encryption-key-file", config.encryption_key_file,
                  "Encrypt stored payloads with the keys in this file")
      ->group("Security")
      ->type_name("FILE");
  const std::map<std::string, LogConfig::Format> formats{{"text", LogConfig::Format::text},
                                                         {"json", LogConfig::Format::json}};
  serve.add_option("--max-events", config.serve.max_events, "Events kept for who reads them again")
      ->group("Operation")
      ->check(CLI::Range(0, 10'000'000))
      ->option_text("N [65536]");
  serve.add_option("--workers", config.serve.workers, "Worker threads; 0: one per core")
      ->group("Operation")
      ->check(CLI::Range(0, 64))
      ->option_text("N");
  serve.add_option("--log-format", config.log.format, "Lines on stderr as text or as JSON objects")
      ->group("Operation")
      ->transform(one_of(formats))
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

// Where import and export find the Greenroom of this machine unless told.
constexpr const char* local_greenroom = "redis://127.0.0.1:6380/0";

// The texts of the tools' flags, before they are understood.
struct ToolWords {
  std::string from = local_greenroom;
  std::string to = local_greenroom;
  std::vector<std::string> targets{local_greenroom};
  std::string duration = "10s";
  troupe::net::TlsClientOptions tls;
};

// Of all servers that are named with rediss://.
void add_tls(CLI::App& tool, ToolWords& words) {
  tool.add_option("--tls-ca", words.tls.ca,
                  "PEM file: whom to trust for rediss:// URLs; without it, whom the system trusts")
      ->type_name("FILE");
  tool.add_option("--tls-certificate", words.tls.certificate,
                  "PEM file, for servers that ask clients for one")
      ->type_name("FILE");
  tool.add_option("--tls-key", words.tls.key, "PEM file, its key")->type_name("FILE");
}

void add_copy(CLI::App& copy, ToolWords& words, CopyOptions& options) {
  copy.add_option("--from", words.from, "Where to read")->type_name("redis[s]://...");
  copy.add_option("--to", words.to, "Where to write")->type_name("redis[s]://...");
  add_tls(copy, words);
  copy.add_option("--match", options.match, "Only keys that fit this pattern")
      ->type_name("PATTERN")
      ->capture_default_str();
  copy.add_flag("--keep-existing", options.keep_existing,
                "Leave keys alone that are there at the destination");
  copy.add_flag("--dry-run", options.dry_run, "Read and count, write nothing");
}

void add_bench(CLI::App& bench, ToolWords& words, LoadOptions& options) {
  bench.add_option("--target", words.targets, "Server to load; several are loaded in turn")
      ->type_name("redis[s]://...");
  add_tls(bench, words);
  bench.add_option("--rate", options.rate, "Commands a second, sent whatever the server does")
      ->check(CLI::Range(1.0, 10'000'000.0))
      ->option_text("N [10000]");
  bench.add_option("--connections", options.connections, "Connections that share the load")
      ->check(CLI::Range(1, 10'000))
      ->option_text("N [50]");
  bench.add_option("--duration", words.duration, "How long, after 2 s that do not count")
      ->option_text("TIME [10s]");
  bench.add_option("--sessions", options.sessions, "Sessions, which are filled in first")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}))
      ->option_text("N [100000]");
  bench.add_option("--seed", options.seed, "The same seed, the same load")->option_text("N [1]");
  bench.add_option("--output", options.output, "Directory for bench.md and bench.svg")
      ->type_name("DIR");
}

// Empty, or what is wrong.
std::string understand(const ToolWords& words, CommandLine& line) {
  const auto from = parse_redis_url(words.from);
  if (!from) return "--from: " + from.error();
  const auto to = parse_redis_url(words.to);
  if (!to) return "--to: " + to.error();
  line.copy.from = *from;
  line.copy.to = *to;
  line.copy.from.tls = line.copy.to.tls = words.tls;
  if (line.command == CommandLine::Command::copy && from->text() == to->text()) {
    return "--from and --to are the same server and database";
  }
  for (const std::string& text : words.targets) {
    const auto target = parse_redis_url(text);
    if (!target) return "--target: " + target.error();
    line.load.targets.push_back(*target);
    line.load.targets.back().tls = words.tls;
  }
  const auto duration = parse_duration(words.duration);
  if (!duration || *duration <= troupe::Duration::zero()) {
    return "--duration is a time like 10s or 5min";
  }
  line.load.duration = *duration;
  return {};
}

// What is wrong with the first word, which names the command; empty: nothing.
std::string problem_of_command(const CLI::App& app, int count, const char* const* words) {
  if (count > 1 && words[1][0] == '-') return {};
  const std::string asked = count > 1 ? words[1] : "";
  std::string names;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (each->get_name() == asked) return {};
    names += (names.empty() ? "" : ", ") + each->get_name();
  }
  return (asked.empty() ? "a command is missing" : "there is no command \"" + asked + "\"") +
         ": it is one of " + names + " (--help says more)";
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
  app.set_version_flag("--version", "greenroom " + ServerFacts{}.greenroom_version);
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
  ToolWords tool_words;
  CLI::App* import_keys = app.add_subcommand(
      "import", "Copy the keys of another server into a running Greenroom, with their expiry");
  add_copy(*import_keys, tool_words, line.copy);
  CLI::App* export_keys = app.add_subcommand(
      "export", "Copy the keys of a running Greenroom into another server, with their expiry");
  add_copy(*export_keys, tool_words, line.copy);
  import_keys->get_option("--from")->required();
  export_keys->get_option("--to")->required();
  CLI::App* bench = app.add_subcommand(
      "bench", "Load a server as web sessions do, at a fixed rate, and show its latencies");
  add_bench(*bench, tool_words, line.load);
  CLI::App* snapshot = app.add_subcommand("snapshot", "Look at, check and restore snapshots");
  snapshot->require_subcommand(1);
  CLI::App* list =
      snapshot->add_subcommand("list", "Name the snapshots of a directory, oldest first");
  list->add_option("directory", line.snapshot.directory,
                   "DATA/snapshots, unless configured otherwise")
      ->required();
  CLI::App* verify = snapshot->add_subcommand("verify", "Read snapshots to their end");
  verify->add_option("files", line.snapshot.files, "Snapshots")->required();
  CLI::App* restore =
      snapshot->add_subcommand("restore", "Make a new data directory of a snapshot");
  restore->add_option("file", line.snapshot.file, "Snapshot")->required();
  restore->add_option("--data", line.snapshot.data, "Directory to make")->required();
  restore->add_option("--shards", line.snapshot.shards, "Parts of it; 0: one per core")
      ->check(CLI::Range(0, 1024));
  if (const std::string problem = problem_of_command(app, count, words); !problem.empty()) {
    exit_code = say_mistake(problem);
    return std::nullopt;
  }
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help and --version, which are no mistakes
      exit_code = app.exit(error);
    } else {
      exit_code = say_mistake(std::string{error.what()} + " (--help lists the flags)");
    }
    return std::nullopt;
  }
  if (check) line.command = CommandLine::Command::check_config;
  if (*import_keys || *export_keys) line.command = CommandLine::Command::copy;
  if (*bench) line.command = CommandLine::Command::load;
  if (*list) line.command = CommandLine::Command::list_snapshots;
  if (*verify) line.command = CommandLine::Command::verify_snapshots;
  if (*restore) line.command = CommandLine::Command::restore_snapshot;
  if (const std::string mistake = understand(tool_words, line); !mistake.empty()) {
    exit_code = say_mistake(mistake);
    return std::nullopt;
  }
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
