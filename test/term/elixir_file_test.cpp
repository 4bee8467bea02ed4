// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Values in files, between this program and a real Elixir.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/struct_term.hpp>

namespace troupe {
namespace {

struct Session {
  static constexpr std::string_view elixir_module = "Session";
  std::string user;
  int visits = 0;
  std::optional<std::string> note;
  std::map<std::string, std::vector<int>> scores;
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(ElixirFileTest, elixir_reads_what_troupe_wrote_and_the_other_way_round) {
  if (std::system("command -v elixir >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "no elixir on this machine: no file was exchanged with it";
  }
  std::string folder = std::filesystem::temp_directory_path() / "troupe_elixir_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::filesystem::path home{folder};
  Session session{"J\u00f6rg", 41, std::nullopt, {{"go", {1, 2, 300}}}};
  std::ofstream{home / "from_troupe", std::ios::binary}
      << term_to_binary(to_term(session), {.compressed = 6});
  std::ofstream{home / "exchange.exs"} << R"(
    defmodule Session do
      defstruct [:user, :visits, :note, :scores]
    end
    defmodule Exchange do
      def run(home) do
        session = home |> Path.join("from_troupe") |> File.read!() |> :erlang.binary_to_term()
        %Session{user: "J\u00F6rg", visits: 41, note: nil, scores: %{"go" => [1, 2, 300]}} = session
        changed = %{session | visits: session.visits + 1, note: "seen"}
        bytes = :erlang.term_to_binary(changed, [:compressed])
        home |> Path.join("from_elixir") |> File.write!(bytes)
      end
    end
    [home] = System.argv()
    Exchange.run(home)
  )";
  std::string command = "elixir '" + (home / "exchange.exs").string() + "' '" + folder + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  auto term = binary_to_term(contents(home / "from_elixir"));
  ASSERT_TRUE(term) << to_string(term.error().code);
  auto back = from_term<Session>(*term);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->user, "J\u00f6rg");
  EXPECT_EQ(back->visits, 42);
  EXPECT_EQ(back->note, "seen");
  EXPECT_EQ(back->scores, session.scores);
  std::filesystem::remove_all(home);
}

}  // namespace
}  // namespace troupe
