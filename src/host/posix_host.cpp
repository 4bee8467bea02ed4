// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/posix_host.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "base/assert.hpp"
#include "host/address.hpp"

namespace troupe {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t millisecond_ns = 1'000'000;

// What epoll carries for the eventfd; no socket's key is all ones.
constexpr std::uint64_t wake_key = ~std::uint64_t{0};

// How many edges are taken from epoll in one call.
constexpr std::size_t max_events = 128;

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * second_ns + now.tv_nsec;
}

}  // namespace

std::expected<std::unique_ptr<PosixHost>, IoError> PosixHost::create() {
  Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return std::unexpected(io_error_from_errno(errno));
  Descriptor wake_event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake_event) return std::unexpected(io_error_from_errno(errno));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = wake_key;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake_event.get(), &event) != 0) {
    return std::unexpected(io_error_from_errno(errno));
  }
  return std::unique_ptr<PosixHost>{new PosixHost{std::move(epoll), std::move(wake_event)}};
}

PosixHost::PosixHost(Descriptor epoll, Descriptor wake_event) noexcept
    : epoll_{std::move(epoll)}, wake_event_{std::move(wake_event)} {}

std::int64_t PosixHost::monotonic_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }

// The coarse clock stands still between the kernel's ticks, which are 1 to 10 ms apart; when the
// core that counts them is taken away, another takes over after five.
std::int64_t PosixHost::rough_monotonic_ns() noexcept {
  return read_clock(CLOCK_MONOTONIC_COARSE) + rough_clock_leads_ns;
}

std::int64_t PosixHost::system_ns() noexcept { return read_clock(CLOCK_REALTIME); }

void PosixHost::random_bytes(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const ssize_t n = ::getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    // A program that makes cookies and ids must not go on without entropy; only a kernel
    // before 3.17 or a policy that forbids the call gets here.
    TROUPE_ASSERT(n > 0, "the kernel gives no random bytes");
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

void PosixHost::close(SocketId socket) noexcept { sockets_.close(socket); }

std::expected<WatchResult, IoError> PosixHost::watch(SocketId socket, Interest interest,
                                                     std::uint64_t token) {
  return sockets_.watch(socket, interest, token, epoll_.get());
}

void PosixHost::unwatch(SocketId socket) noexcept { sockets_.unwatch(socket); }

std::size_t PosixHost::poll(std::int64_t timeout_ns, std::span<Ready> out) {
  // An edge can fire two watches, and epoll does not take an edge back.
  TROUPE_ASSERT(out.size() >= 2, "poll needs room for the two watches of one socket");
  TROUPE_ASSERT(!polled_.exchange(true, std::memory_order_acquire), "two threads in poll");

  Sleep expected = Sleep::idle;
  if (timeout_ns != 0 &&
      !sleep_.compare_exchange_strong(expected, Sleep::waiting, std::memory_order_acq_rel)) {
    timeout_ns = 0;  // notified
  }
  epoll_event events[max_events];
  const int capacity = static_cast<int>(std::min(max_events, out.size() / 2));
  const int count = wait(timeout_ns, events, capacity);
  sleep_.exchange(Sleep::idle, std::memory_order_acq_rel);

  std::size_t filled = 0;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == wake_key) continue;
    filled +=
        sockets_.deliver(events[i].data.u64, events[i].events, out.subspan(filled).first<2>());
  }
  polled_.store(false, std::memory_order_release);
  return filled;
}

// epoll's wait; an interrupted one has found nothing. Negative waits for ever.
int PosixHost::wait(std::int64_t timeout_ns, epoll_event* events, int capacity) noexcept {
  if (!wait_in_ms_) {
    const timespec limit{.tv_sec = timeout_ns / second_ns, .tv_nsec = timeout_ns % second_ns};
    const int count =
        ::epoll_pwait2(epoll_.get(), events, capacity, timeout_ns < 0 ? nullptr : &limit, nullptr);
    if (count >= 0) return count;
    if (errno == EINTR) return 0;
    // Kernels before 5.11 do not know the call and some sandboxes forbid it.
    TROUPE_ASSERT(errno == ENOSYS || errno == EPERM, "epoll_pwait2 failed on our own descriptor");
    wait_in_ms_ = true;
  }
  // Rounded up: a poll that ends before its time would be repeated until the time is there.
  const std::int64_t ms = timeout_ns / millisecond_ns + (timeout_ns % millisecond_ns != 0 ? 1 : 0);
  const int timeout = timeout_ns < 0 ? -1 : static_cast<int>(std::min<std::int64_t>(ms, INT32_MAX));
  const int count = ::epoll_wait(epoll_.get(), events, capacity, timeout);
  if (count >= 0) return count;
  TROUPE_ASSERT(errno == EINTR, "epoll_wait failed on our own descriptor");
  return 0;
}

void PosixHost::wake() noexcept {
  if (sleep_.exchange(Sleep::notified, std::memory_order_acq_rel) != Sleep::waiting) return;
  // Never read, so it fails only after 2^64 wake-ups. errno is kept for the code a signal
  // interrupted.
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_event_.get(), &one, sizeof one);
  errno = saved;
}

}  // namespace troupe
