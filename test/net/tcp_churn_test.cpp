// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Ten thousand connections that are opened and dropped in every way there is, and what they leave
// behind: no descriptor, no process, no memory. Over the kernel's loopback; the simulated network
// has no descriptors to lose.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <gtest/gtest.h>
#include <malloc.h>
#include <system_error>

#include <troupe/net.hpp>
#include <troupe/troupe.hpp>

#include "base/sanitizer.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

struct Listening {
  int port;
};
struct Holding {};

Async<> answer(Process& self, net::Stream stream) {
  char buffer[64];
  while (true) {
    auto count = co_await stream.read(self, buffer, 30s);
    if (!count || *count == 0) co_return;
    if (!co_await stream.write(self, std::string_view{buffer, *count}, 30s)) co_return;
  }
}

Async<> serve(Process& self, Pid owner) {
  auto listener = net::Listener::listen(self, {});
  if (!listener) self.exit("cannot_listen");
  send(owner, Listening{int{listener->port()}});
  while (true) {
    auto stream = co_await listener->accept(self);
    if (!stream) self.exit("cannot_accept");
    spawn(answer, std::move(*stream));
  }
}

Async<> hold(Process& self, net::Stream stream, Pid owner) {
  send(owner, Holding{});
  char buffer[64];
  while (co_await stream.read(self, buffer)) {
  }
}

// One connection, left in the way that its number says.
Async<bool> open_and_drop(Process& self, int port, int number) {
  const net::Address address{"127.0.0.1", static_cast<std::uint16_t>(port)};
  auto stream = co_await net::Stream::connect(self, address, 30s);
  if (!stream) {
    ADD_FAILURE() << "connect: " << stream.error().text;
    co_return false;
  }
  if (number % 4 == 0) co_return true;
  const auto written = co_await stream->write(self, "hello", 30s);
  EXPECT_TRUE(written.has_value()) << "write: " << written.error().text;
  if (number % 4 == 1) co_return true;  // before the answer
  if (number % 4 == 2) {
    char buffer[64];
    auto count = co_await stream->read(self, buffer, 30s);
    co_return count && *count > 0;
  }
  const auto [pid, ref] =
      spawn_with(SpawnOptions{.monitor = true}, hold, std::move(*stream), self.pid());
  (void)co_await self.receive<Holding>();
  exit(pid, "kill");  // while it waits for the network
  co_return (co_await self.receive<Down>()).reason.is(atoms::killed);
}

Async<> connect_often(Process& self, int port, int times) {
  for (int i = 0; i < times; ++i) EXPECT_TRUE(co_await open_and_drop(self, port, i));
}

Async<> open_and_drop_many(Process& self, int port, int connections) {
  constexpr int clients = 40;
  for (int i = 0; i < clients; ++i) spawn_monitor(connect_often, port, connections / clients);
  for (int i = 0; i < clients; ++i) {
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  }
  // The server's side notices a little later.
  while (self.runtime().process_count() > 2) co_await self.sleep(1ms);
}

// Sockets and whatever else has no path. Files come and go by themselves on a busy machine: the
// watchdog looks into /proc, and reads the program's symbols to name a stack.
std::ptrdiff_t open_descriptors() {
  std::ptrdiff_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code is_gone;
    const std::filesystem::path target = std::filesystem::read_symlink(entry.path(), is_gone);
    if (!is_gone && !target.is_absolute()) ++count;
  }
  return count;
}

TEST(TcpChurn, ten_thousand_connections_leave_nothing_behind) {
  Runtime runtime{{.workers = 2}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    spawn_link(serve, self.pid());
    const int port = (co_await self.receive<Listening>()).port;
    co_await open_and_drop_many(self, port, 2'000);  // what is kept for reuse is there by now
    const auto descriptors = open_descriptors();
    // Pools grow with the most connections that were open at once, which differs from round to
    // round; what is lost with each connection is lost in every round: 32 bytes, the least that
    // malloc gives, would be 80,000 in each of them.
    std::int64_t least_growth = INT64_MAX;
    for (int round = 0; round < 4; ++round) {
      const auto before = static_cast<std::int64_t>(::mallinfo2().uordblks);
      co_await open_and_drop_many(self, port, 2'520);
      const auto after = static_cast<std::int64_t>(::mallinfo2().uordblks);
      least_growth = std::min(least_growth, after - before);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_EQ(self.runtime().process_count(), 2U);
    if (!TROUPE_ADDRESS_SANITIZER && !TROUPE_THREAD_SANITIZER) {
      EXPECT_LT(least_growth, 40'000);
    }
  });
  EXPECT_TRUE(result.has_value());
}

}  // namespace
}  // namespace troupe
