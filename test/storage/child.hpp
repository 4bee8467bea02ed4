// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <signal.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::storage::test {

// Another operating system process that runs a function and reports numbers through a pipe. The
// function gets a callable `report(std::uint64_t)`; the child never runs the tests' exit handlers.
class Child {
 public:
  template <class Body>
  explicit Child(Body body) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    process_ = ::fork();
    if (process_ < 0) throw std::runtime_error("fork");
    if (process_ == 0) {
      ::close(ends[0]);
      body([out = ends[1]](std::uint64_t number) {
        if (::write(out, &number, sizeof number) != sizeof number) ::_exit(3);
      });
      ::_exit(0);
    }
    ::close(ends[1]);
    in_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    ::close(in_);
  }

  // False once the child is gone and everything it reported was read.
  bool read(std::uint64_t& number) { return ::read(in_, &number, sizeof number) == sizeof number; }

  // Ends it at whatever it is doing. What it reported before can still be read.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    (void)wait();
  }

  // The exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
  int in_ = -1;
};

}  // namespace troupe::storage::test
