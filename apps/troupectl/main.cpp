// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// troupectl: the command line tool.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "new_project.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Troupe's command line tool."};
  app.require_subcommand(1);

  std::string name;
  std::string folder = ".";
  auto* create =
      app.add_subcommand("new", "Make a project: sources, a test, and its ./dev command");
  create->add_option("name", name, "What it is called: my_app")->required();
  create->add_option("--in", folder, "The folder to make it in")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto written = troupectl::new_project(name, folder);
  if (!written) {
    std::fprintf(stderr, "troupectl: %s\n", written.error().c_str());
    return 1;
  }
  for (const auto& file : *written) std::printf("wrote %s\n", file.c_str());
  std::printf("\ncd %s && ./dev test\n", (std::filesystem::path{folder} / name).c_str());
}
