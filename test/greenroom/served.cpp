// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/served.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "greenroom/reply_frames.hpp"

extern char** environ;

namespace greenroom::test {
namespace {

using namespace std::chrono_literals;

constexpr int start_limit_ms = 60'000;

bool wait_readable(int descriptor, int limit_ms) {
  pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, limit_ms) == 1;
}

int spawn(const std::vector<std::string>& words, int output) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t process = -1;
  const int failure =
      posix_spawnp(&process, words[0].c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failure == 0 ? process : -1;
}

// A port that was free a moment ago, for the server that cannot choose its own.
std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(probe, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
  close(probe);
  return ntohs(address.sin_port);
}

}  // namespace

bool Served::run(const std::vector<std::string>& words, std::string_view ready) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  words_ = words;
  ready_ = ready;
  output_ = ends[0];
  process_ = spawn(words, ends[1]);
  close(ends[1]);
  if (process_ < 0) return false;
  std::string log;
  while (log.find(ready) == std::string::npos) {
    char chunk[4096];
    if (!wait_readable(output_, start_limit_ms)) return false;
    const ssize_t count = ::read(output_, chunk, sizeof chunk);
    if (count <= 0) return false;
    log.append(chunk, static_cast<std::size_t>(count));
  }
  if (const auto colon = log.find("listens on 127.0.0.1:"); colon != std::string::npos)
    port_ = static_cast<std::uint16_t>(std::atoi(log.c_str() + colon + 21));
  return true;
}

std::unique_ptr<Served> Served::greenroom(const std::vector<std::string>& flags) {
  char path[] = "/tmp/greenroom-served-XXXXXX";
  if (mkdtemp(path) == nullptr) return nullptr;
  std::unique_ptr<Served> served{new Served};
  served->name_ = "greenroom";
  served->directory_ = path;
  std::vector<std::string> words{GREENROOM_PROGRAM, "serve", "--port", "0", "--data", path};
  words.insert(words.end(), flags.begin(), flags.end());
  if (!served->run(words, "Try: ")) return nullptr;
  return served;
}

std::unique_ptr<Served> Served::redis(const std::vector<std::string>& flags, std::string& reason) {
  char path[] = "/tmp/greenroom-served-XXXXXX";
  if (mkdtemp(path) == nullptr) return nullptr;
  std::unique_ptr<Served> served{new Served};
  served->name_ = "redis";
  served->directory_ = path;
  served->port_ = free_port();
  std::vector<std::string> words{
      "redis-server", "--port", std::to_string(served->port_), "--bind", "127.0.0.1",
      "--dir",        path};
  words.insert(words.end(), flags.begin(), flags.end());
  if (served->run(words, "eady to accept connections")) return served;
  reason = "redis-server is not installed, or did not start";
  return nullptr;
}

void Served::end() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  process_ = output_ = -1;
}

Served::~Served() {
  end();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

void Served::kill_and_restart() {
  end();
  std::vector<std::string> words = words_;
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "--port") words[i + 1] = std::to_string(port_);
  if (!run(words, ready_)) std::abort();
}

Wire::Wire(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Wire::Wire(Wire&& other) noexcept
    : socket_{std::exchange(other.socket_, -1)}, come_{std::move(other.come_)} {}

Wire::~Wire() {
  if (socket_ >= 0) close(socket_);
}

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void Wire::end_sending() { shutdown(socket_, SHUT_WR); }

bool Wire::has_more() { return !come_.empty() || wait_readable(socket_, 0); }

std::string Wire::read(std::chrono::milliseconds limit) {
  for (;;) {
    if (const auto size = first_reply(come_)) {
      std::string reply = come_.substr(0, *size);
      come_.erase(0, *size);
      return reply;
    }
    if (!wait_readable(socket_, static_cast<int>(limit.count()))) return "(nothing)";
    char chunk[65536];
    const ssize_t count = ::read(socket_, chunk, sizeof chunk);
    if (count <= 0) return "(closed)";
    come_.append(chunk, static_cast<std::size_t>(count));
  }
}

std::string Wire::operator()(std::string_view line) {
  send(std::string(line) + "\r\n");
  return read();
}

std::int64_t info_number(Wire& wire, std::string_view name) {
  const std::string info = wire("INFO");
  const std::string line = "\n" + std::string{name} + ":";
  const std::size_t at = info.find(line);
  return at == std::string::npos ? -1 : std::atoll(info.c_str() + at + line.size());
}

}  // namespace greenroom::test
