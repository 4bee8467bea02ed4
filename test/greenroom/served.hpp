// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace greenroom::test {

// A server as a program of its own, on a loopback port, with a directory of its own: Greenroom as
// it was built, or a real redis-server. It ends with this object.
class Served {
 public:
  static std::unique_ptr<Served> greenroom(const std::vector<std::string>& flags = {});
  // Null where redis-server is not installed; `reason` says so.
  static std::unique_ptr<Served> redis(const std::vector<std::string>& flags, std::string& reason);
  ~Served();

  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  std::uint16_t port() const { return port_; }
  std::string name() const { return name_; }
  const std::string& directory() const { return directory_; }

  // Kills it without warning, and starts it again on the same directory and the same port.
  void kill_and_restart();

 private:
  Served() = default;
  bool run(const std::vector<std::string>& words, std::string_view ready);
  void end();

  std::string name_;
  int process_ = -1;
  int output_ = -1;
  std::uint16_t port_ = 0;
  std::string directory_;
  std::vector<std::string> words_;
  std::string ready_;
};

// One client connection, blocking, with a limit on every wait.
class Wire {
 public:
  explicit Wire(std::uint16_t port);
  ~Wire();
  Wire(Wire&& other) noexcept;
  Wire(const Wire&) = delete;

  void send(std::string_view bytes);
  // Says that nothing more will be sent; what is answered can still be read.
  void end_sending();
  // The next reply or message as it is on the wire; "(closed)" at the end of the stream, and
  // "(nothing)" if none comes within the limit.
  std::string read(std::chrono::milliseconds limit = std::chrono::seconds{20});
  // Whether something can be read now.
  bool has_more();

  // An inline request and its one reply.
  std::string operator()(std::string_view line);

 private:
  int socket_ = -1;
  std::string come_;
};

// A number of INFO by its name; -1: it is not there.
std::int64_t info_number(Wire& wire, std::string_view name);

// Whether it holds within a minute.
template <class Holds>
bool comes_true(Holds holds) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace greenroom::test
