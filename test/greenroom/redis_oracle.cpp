// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/redis_oracle.hpp"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace greenroom::test {
namespace {

constexpr int patience_ms = 10'000;

// Appends what can be read to `text`; false at the end of the stream, or when nothing comes.
bool read_more(int descriptor, std::string& text) {
  pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, patience_ms) != 1) return false;
  char chunk[65536];
  ssize_t count = read(descriptor, chunk, sizeof chunk);
  if (count <= 0) return false;
  text.append(chunk, static_cast<std::size_t>(count));
  return true;
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return descriptor;
  close(descriptor);
  return -1;
}

int spawn(const std::vector<std::string>& words, int output) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t process = -1;
  int failure =
      posix_spawnp(&process, words[0].c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failure == 0 ? process : -1;
}

}  // namespace

std::unique_ptr<RedisOracle> RedisOracle::start(const std::vector<std::string>& arguments,
                                                std::string& reason) {
  char path[] = "/tmp/greenroom-oracle-XXXXXX";
  int ends[2];
  if (mkdtemp(path) == nullptr || pipe2(ends, O_CLOEXEC) != 0) {
    reason = "no temporary directory or pipe";
    return nullptr;
  }
  std::unique_ptr<RedisOracle> oracle{new RedisOracle};
  oracle->directory_ = path;
  oracle->output_ = ends[0];
  std::vector<std::string> words{"redis-server",
                                 "--port",
                                 "0",
                                 "--unixsocket",
                                 oracle->directory_ + "/socket",
                                 "--dir",
                                 path,
                                 "--save",
                                 "",
                                 "--appendonly",
                                 "no"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  oracle->process_ = spawn(words, ends[1]);
  close(ends[1]);
  if (oracle->process_ < 0) {
    reason = "redis-server is not installed";
    return nullptr;
  }
  std::string log;
  while (log.find("ready to accept connections") == std::string::npos)
    if (!read_more(oracle->output_, log)) {
      reason = "redis-server did not start: " + log;
      return nullptr;
    }
  return oracle;
}

RedisOracle::~RedisOracle() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::string RedisOracle::exchange(std::string_view bytes, std::string_view last) {
  int descriptor = connect_to(directory_ + "/socket");
  if (descriptor < 0) return {};
  // Redis keeps reading whatever it has to say, so writing everything first cannot block for ever.
  while (!bytes.empty()) {
    ssize_t count = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  std::string reply;
  while (!reply.ends_with(last) && read_more(descriptor, reply)) {
  }
  close(descriptor);
  return reply;
}

}  // namespace greenroom::test
