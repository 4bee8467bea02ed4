// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/thread.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <pthread.h>
#include <sched.h>

#include "host/descriptor.hpp"

namespace troupe {
namespace {

// The beginning of a small file of the kernel's; empty when it cannot be read.
std::string read_small_file(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {};
  std::array<char, 16384> buffer;
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t n = ::read(file.get(), buffer.data() + size, buffer.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  return {buffer.data(), size};
}

// Cuts the text up to `separator` off the front.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view piece = text.substr(0, end);
  text = end == text.npos ? std::string_view{} : text.substr(end + 1);
  return piece;
}

std::optional<long> positive_number(std::string_view text) {
  long value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || value <= 0) return std::nullopt;
  return value;
}

// Microseconds of processor time in a period, as thousandths of a core.
std::optional<long> thousandths(std::string_view quota, std::string_view period) {
  const auto runtime = positive_number(quota);  // "max" and -1 are no limit
  const auto length = positive_number(period);
  constexpr long most = 1'000'000'000;  // far above any machine, far below overflow
  if (!runtime || !length || *runtime > most) return std::nullopt;
  return std::max(1L, *runtime * 1000 / *length);
}

bool lists_controller(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty()) {
    if (cut(controllers, ',') == wanted) return true;
  }
  return false;
}

}  // namespace

void set_thread_name(std::string_view name) noexcept {
  char text[16] = {};
  name.copy(text, sizeof text - 1);
  ::pthread_setname_np(::pthread_self(), text);
}

SignalsHeldBack::SignalsHeldBack() noexcept {
  sigset_t held;
  ::sigemptyset(&held);
  for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM}) {
    ::sigaddset(&held, each);
  }
  ::pthread_sigmask(SIG_BLOCK, &held, &former_);
}

SignalsHeldBack::~SignalsHeldBack() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

std::optional<long> cgroup_quota(const std::string& mount, std::string_view membership) {
  std::optional<long> tightest;
  const auto limit = [&](std::optional<long> quota) {
    if (quota && (!tightest || *quota < *tightest)) tightest = quota;
  };
  // Lines are id:controllers:path; version 2 has no controllers there (cgroups(7)).
  while (!membership.empty()) {
    std::string_view line = cut(membership, '\n');
    cut(line, ':');
    const std::string_view controllers = cut(line, ':');
    const bool version_2 = controllers.empty();
    if (!version_2 && !lists_controller(controllers, "cpu")) continue;

    // From the cgroup up to the mount's root, as limits above bind too. Inside a container the path
    // may be the outer one and not exist; the root is its own cgroup then.
    for (std::string path{line};; path.erase(path.rfind('/'))) {
      if (version_2) {
        const std::string text = read_small_file(mount + path + "/cpu.max");
        std::string_view rest = text;
        const std::string_view quota = cut(rest, ' ');
        limit(thousandths(quota, rest));
      } else {
        const std::string directory = mount + "/cpu" + path;
        limit(thousandths(read_small_file(directory + "/cpu.cfs_quota_us"),
                          read_small_file(directory + "/cpu.cfs_period_us")));
      }
      if (path.rfind('/') == path.npos) break;
    }
  }
  return tightest;
}

unsigned usable_cores() {
  long cores = 0;
  // The kernel refuses a set smaller than its own, which can be larger than cpu_set_t.
  for (int size = CPU_SETSIZE; cores == 0 && size <= (1 << 20); size *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set{
        CPU_ALLOC(size), [](cpu_set_t* each) { CPU_FREE(each); }};
    const std::size_t bytes = CPU_ALLOC_SIZE(size);
    if (::sched_getaffinity(0, bytes, set.get()) == 0) {
      cores = CPU_COUNT_S(bytes, set.get());
    } else if (errno != EINVAL) {
      break;
    }
  }
  if (cores == 0) cores = std::max(1U, std::thread::hardware_concurrency());
  const auto quota = cgroup_quota("/sys/fs/cgroup", read_small_file("/proc/self/cgroup"));
  if (quota) cores = std::min(cores, (*quota + 999) / 1000);
  return static_cast<unsigned>(std::max(1L, cores));
}

}  // namespace troupe
