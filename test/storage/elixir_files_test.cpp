// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// One file per key, between this program and a real Elixir.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <troupe/stored_value.hpp>

#include "storage/backends.hpp"
#include "storage/temporary_directory.hpp"

namespace troupe::storage::test {
namespace {

struct Session {
  std::string user;
  int visits = 0;
  std::optional<std::string> note;
  bool operator==(const Session&) const = default;
};

TEST(ElixirFiles, elixir_reads_what_is_stored_and_what_it_writes_is_found) {
  if (std::system("command -v elixir >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "no elixir on this machine: no file was exchanged with it";
  }
  const TemporaryDirectory directory;
  const std::string home = directory / "store";
  {
    auto store = open_files(home);
    ASSERT_TRUE(succeeded(store));
    ASSERT_TRUE(succeeded(put_value(**store, "user:ann", Session{"J\u00f6rg", 41, {}})));
  }
  std::ofstream{directory / "exchange.exs"} << R"(
    [home] = System.argv()
    session = home |> Path.join("user%3Aann") |> File.read!() |> :erlang.binary_to_term()
    %{user: "J\u00F6rg", visits: 41, note: nil} = session
    changed = :erlang.term_to_binary(%{session | visits: 42, note: "seen"}, [:compressed])
    home |> Path.join("user%3Abob") |> File.write!(changed)
  )";
  const std::string script = directory / "exchange.exs";
  ASSERT_EQ(std::system(("elixir '" + script + "' '" + home + "'").c_str()), 0);
  auto store = open_files(home);
  ASSERT_TRUE(succeeded(store));
  auto ann = get_value<Session>(**store, "user:ann");
  ASSERT_TRUE(succeeded(ann));
  EXPECT_EQ(*ann, (Session{"J\u00f6rg", 41, {}}));
  auto bob = get_value<Session>(**store, "user:bob");
  ASSERT_TRUE(succeeded(bob));
  EXPECT_EQ(*bob, (Session{"J\u00f6rg", 42, "seen"}));
  EXPECT_TRUE(refused(get_value<int>(**store, "user:bob"), ErrorKind::wrong_type, "an integer"));
}

}  // namespace
}  // namespace troupe::storage::test
