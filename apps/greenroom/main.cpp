// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// greenroom: a session store that speaks the Redis protocol.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "server/serve.hpp"

int main(int count, char** words) {
  using troupe::storage::Durability;
  CLI::App app{"Greenroom: web sessions in supervised processes, over the Redis protocol"};
  app.require_subcommand(1);
  greenroom::ServeOptions options;
  CLI::App* serve = app.add_subcommand("serve", "Run the server until SIGTERM or SIGINT");
  serve->add_option("--bind", options.bind, "Numeric address to listen on")->capture_default_str();
  serve->add_option("--port", options.port, "TCP port; 0 lets the system choose")
      ->capture_default_str();
  serve->add_option("--data", options.data, "Directory of the embedded database")
      ->capture_default_str();
  const std::map<std::string, Durability> modes{{"commit", Durability::commit},
                                                {"relaxed", Durability::relaxed},
                                                {"memory", Durability::memory}};
  serve
      ->add_option("--durability", options.durability,
                   "commit: a write is acknowledged when it is on disk (default); relaxed: on disk "
                   "within a second; memory: nothing is kept")
      ->transform(CLI::CheckedTransformer(modes, CLI::ignore_case))
      ->type_name("commit|relaxed|memory");
  serve->add_option("--requirepass", options.requirepass, "Password clients must give first");
  serve
      ->add_option("--shards", options.shards,
                   "Database files of a new data directory; 0: one per core")
      ->check(CLI::Range(0, 1024));
  serve->add_option("--workers", options.workers, "Worker threads; 0: one per core")
      ->check(CLI::Range(0, 64));
  serve->add_option("--maxclients", options.max_clients, "Connections at once")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  serve->add_option("--max-value-bytes", options.max_value_bytes, "Largest value of a command")
      ->check(CLI::Range(1'024, 536'870'912))
      ->capture_default_str();
  serve->add_flag("--enable-debug-command", options.enable_debug_command,
                  "Allow DEBUG PANIC key, which crashes one session (for tests)");
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, which is no mistake
    std::fprintf(stderr, "greenroom: %s (greenroom serve --help lists the flags)\n", error.what());
    return 1;
  }
  return greenroom::serve(options);
}
