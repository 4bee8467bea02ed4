// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace troupe::storage::test {

struct PostgresStart {
  std::vector<std::string> settings = {};             // "name=value", as in postgresql.conf
  std::vector<std::string> environment = {};          // the same, of its processes
  std::string until = "ready to accept connections";  // what it says once that is enough
};

// A PostgreSQL server of one's own, on a socket in a temporary folder, without a network, gone with
// this object. PostgreSQL refuses to run as root, so for root it runs as the user postgres.
class PostgresServer {
 public:
  // Null where this machine has no PostgreSQL; throws std::runtime_error where it does not start.
  static std::unique_ptr<PostgresServer> launch();
  // As launch, but does not start it; the arguments are for initdb.
  static std::unique_ptr<PostgresServer> make(const std::string& where = "/tmp",
                                              std::vector<std::string> arguments = {});
  // That of a test program, launched when it is first asked for. Null where there is none: with a
  // failed test, if it does not start.
  static PostgresServer* shared();
  ~PostgresServer();

  // What libpq connects to it with.
  std::string connection() const { return "host=" + folder_ + " dbname=postgres user=troupe"; }
  const std::string& folder() const { return folder_; }
  std::string data() const { return folder_ + "/data"; }

  // Ends every process of it, as a machine does that loses its power (but for the kernel's cache).
  void kill();
  // As pg_ctl stop -m immediate: no checkpoint, the next start recovers.
  void stop_at_once();
  // Recovers from the log, and waits until it answers or has ended.
  bool start(const PostgresStart& how = {});
  // Syncs every file it has, while it does not run.
  bool sync(const std::vector<std::string>& environment);
  // All it has said since it was started last.
  std::string said();

 private:
  bool initdb(const std::vector<std::string>& arguments,
              const std::vector<std::string>& environment);
  void await_end();

  std::string folder_;
  std::string programs_;
  pid_t process_ = -1;
  std::thread listener_;  // reads what the server says, until it ends
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string said_;
  bool has_ended_ = false;
};

}  // namespace troupe::storage::test
