// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "host/posix_host.hpp"

namespace troupe {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

struct Pair {
  SocketId client;
  SocketId server;
};

// A host with a listener on a port the kernel picked, polled by the test's own thread.
class Loopback : public testing::Test {
 protected:
  static constexpr std::int64_t patience_ns = 20'000'000'000;  // of a test that waits in vain

  std::unique_ptr<PosixHost> host = PosixHost::create().value();
  SocketId listener = host->listen({"127.0.0.1", 0}, 1024).value();
  std::uint16_t port = host->local_port(listener).value();

  // Waits until the operation is worth trying again.
  void await(SocketId socket, Interest interest) {
    const std::uint64_t token = ++last_token_;
    const auto watch = host->watch(socket, interest, token);
    ASSERT_TRUE(watch) << watch.error().describe();
    if (*watch == WatchResult::ready) return;
    ASSERT_EQ(next_ready().token, token);
  }

  // The next Ready, or one with token 0 when none came.
  Ready next_ready() {
    const std::int64_t deadline = host->monotonic_ns() + patience_ns;
    for (;;) {
      std::array<Ready, 2> out;
      const std::size_t count = host->poll(deadline - host->monotonic_ns(), out);
      if (count == 1) return out[0];
      if (count > 1 || host->monotonic_ns() >= deadline) {
        ADD_FAILURE() << count << " watches came true, expected one";
        return {};
      }
    }
  }

  // What comes out of polls that do not wait, until one finds nothing.
  std::size_t poll_now(std::span<Ready> out) {
    std::size_t filled = 0;
    while (filled + 2 <= out.size()) {
      const std::size_t count = host->poll(0, out.subspan(filled));
      if (count == 0) break;
      filled += count;
    }
    return filled;
  }

  SocketId accept_one() {
    for (;;) {
      const auto accepted = host->accept(listener);
      if (accepted) return accepted->socket;
      if (accepted.error().kind != IoErrorKind::would_block) {
        ADD_FAILURE() << accepted.error().describe();
        return {};
      }
      await(listener, Interest::read);
      if (HasFatalFailure()) return {};
    }
  }

  std::expected<void, IoError> finish_connect(SocketId socket) {
    for (;;) {
      const auto result = host->connect_result(socket);
      if (result || result.error().kind != IoErrorKind::would_block) return result;
      await(socket, Interest::write);
      if (HasFatalFailure()) return result;
    }
  }

  Pair connected() {
    const SocketId client = host->connect({"127.0.0.1", port}).value();
    const SocketId server = accept_one();
    EXPECT_TRUE(finish_connect(client));
    return {client, server};
  }

  // One read that waits for its bytes; "" at the end of the stream, "!" and the error else.
  std::string read_some(SocketId socket, std::size_t most = 4096) {
    std::string buffer(most, '\0');
    for (;;) {
      const auto n = host->read(socket, std::as_writable_bytes(std::span{buffer}));
      if (n) return buffer.substr(0, *n);
      if (n.error().kind != IoErrorKind::would_block) return "!" + n.error().describe();
      await(socket, Interest::read);
      if (HasFatalFailure()) return "!";
    }
  }

  std::string read_exactly(SocketId socket, std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const std::string piece = read_some(socket, size - all.size());
      if (piece.empty() || piece[0] == '!') return all + piece;
      all += piece;
    }
    return all;
  }

  IoErrorKind read_error(SocketId socket) {
    std::byte one;
    const auto n = host->read(socket, {&one, 1});
    EXPECT_FALSE(n);
    return n ? IoErrorKind::other : n.error().kind;
  }

  void send(SocketId socket, std::string_view text) {
    const auto n = host->write(socket, bytes_of(text));
    ASSERT_TRUE(n) << n.error().describe();
    ASSERT_EQ(*n, text.size());
  }

 private:
  std::uint64_t last_token_ = 1'000'000;
};

}  // namespace troupe
