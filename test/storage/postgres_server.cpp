// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/postgres_server.hpp"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace troupe::storage::test {
namespace {

namespace fs = std::filesystem;

// Debian has the programs of each version in a folder of its own, outside the path.
std::string find_programs() {
  std::string found;
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator{"/usr/lib/postgresql", ignored}) {
    const std::string folder = version.path().string() + "/bin";
    if (::access((folder + "/initdb").c_str(), X_OK) == 0) found = std::max(found, folder);
  }
  return found;
}

const passwd* server_user() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }

// Both outputs go to `out`, which the caller closes.
pid_t run(const std::string& program, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment, int out) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (const passwd* user = server_user()) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)
      ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // After the change of user, which would clear it.
  if (::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
  for (const std::string& variable : environment) ::putenv(const_cast<char*>(variable.c_str()));
  std::vector<char*> list{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) list.push_back(const_cast<char*>(argument.c_str()));
  list.push_back(nullptr);
  ::execv(program.c_str(), list.data());
  ::_exit(127);
}

}  // namespace

std::unique_ptr<PostgresServer> PostgresServer::launch() {
  auto made = make();
  if (made && !made->start()) {
    throw std::runtime_error{"PostgreSQL does not start: " + made->said()};
  }
  return made;
}

std::unique_ptr<PostgresServer> PostgresServer::make(const std::string& where,
                                                     std::vector<std::string> arguments) {
  std::unique_ptr<PostgresServer> made{new PostgresServer};
  made->programs_ = find_programs();
  if (made->programs_.empty()) return nullptr;
  made->folder_ = where + "/troupe-postgres-XXXXXX";
  if (::mkdtemp(made->folder_.data()) == nullptr)
    throw std::runtime_error{"mkdtemp " + made->folder_};
  const passwd* user = server_user();
  if (user && ::chown(made->folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error{"chown " + made->folder_};
  }
  for (const char* usual : {"-U", "troupe", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                            "--no-instructions"}) {
    arguments.emplace_back(usual);
  }
  if (!made->initdb(arguments, {})) throw std::runtime_error{"initdb has failed"};
  return made;
}

bool PostgresServer::sync(const std::vector<std::string>& environment) {
  return initdb({"--sync-only"}, environment);
}

bool PostgresServer::initdb(const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment) {
  std::vector<std::string> all{"-D", data()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const pid_t child = run(programs_ + "/initdb", all, environment, null);
  ::close(null);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

bool PostgresServer::start(const PostgresStart& how) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  said_.clear();
  has_ended_ = false;
  std::vector<std::string> arguments{"-D", data(), "-k", folder_};
  for (const char* usual : {"listen_addresses=", "shared_buffers=16MB"}) {
    arguments.insert(arguments.end(), {"-c", usual});
  }
  for (const std::string& setting : how.settings) {
    arguments.insert(arguments.end(), {"-c", setting});
  }
  process_ = run(programs_ + "/postgres", arguments, how.environment, ends[1]);
  ::close(ends[1]);
  listener_ = std::thread{[this, in = ends[0]] {
    char bytes[4096];
    for (ssize_t count = 0; (count = ::read(in, bytes, sizeof bytes)) > 0;) {
      const std::lock_guard lock{mutex_};
      said_.append(bytes, static_cast<std::size_t>(count));
      changed_.notify_all();
    }
    ::close(in);
    const std::lock_guard lock{mutex_};
    has_ended_ = true;
    changed_.notify_all();
  }};
  const auto is_ready = [&] { return said_.find(how.until) != std::string::npos; };
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, std::chrono::seconds{120}, [&] { return has_ended_ || is_ready(); });
  return is_ready();
}

std::string PostgresServer::said() {
  const std::lock_guard lock{mutex_};
  return said_;
}

void PostgresServer::kill() {
  if (process_ <= 0) return;
  // Those of them that were started meanwhile end themselves when they notice.
  std::vector<pid_t> all{process_};
  const std::string pid = std::to_string(process_);
  std::ifstream children{"/proc/" + pid + "/task/" + pid + "/children"};
  for (pid_t child = 0; children >> child;) all.push_back(child);
  for (const pid_t process : all) ::kill(process, SIGKILL);
  await_end();
}

void PostgresServer::stop_at_once() {
  if (process_ <= 0) return;
  ::kill(process_, SIGQUIT);
  await_end();
}

// The last of its processes closes the pipe.
void PostgresServer::await_end() {
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
  listener_.join();
}

PostgresServer::~PostgresServer() {
  if (process_ > 0) {
    ::kill(process_, SIGINT);  // a fast end, with its shared memory given back
    await_end();
  }
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace troupe::storage::test
