// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/signals.hpp"

#include <atomic>
#include <cerrno>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"

namespace troupe {
namespace {

// All a handler can see. The eventfd is -1 while nothing is installed; the handler stores the
// signal before it writes to the eventfd, and take() reads the eventfd before it looks at the
// signal, so a signal is never left behind an eventfd that has been emptied.
std::atomic<int> event_fd{-1};
std::atomic<int> first_signal{0};
std::atomic<bool> interrupt_is_ours{false};

static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

extern "C" void troupe_on_termination(int signal_number) {
  const int saved = errno;
  int none = 0;
  first_signal.compare_exchange_strong(none, signal_number);
  if (interrupt_is_ours.load()) {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    ::sigaction(SIGINT, &standard, nullptr);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(event_fd.load(), &one, sizeof one);
  errno = saved;
}

}  // namespace

std::expected<std::unique_ptr<TerminationSignals>, IoError> TerminationSignals::install(
    PosixHost& host) {
  TROUPE_ASSERT(event_fd.load() == -1, "termination signals are installed already");
  Descriptor event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!event) return std::unexpected(io_error_from_errno(errno));
  const int fd = event.get();
  const auto source = host.adopt(std::move(event));
  if (!source) return std::unexpected(source.error());
  return std::unique_ptr<TerminationSignals>{new TerminationSignals{host, *source, fd}};
}

TerminationSignals::TerminationSignals(PosixHost& host, SocketId source, int event) noexcept
    : host_{host}, source_{source} {
  event_fd.store(event);
  first_signal.store(0);

  struct sigaction ours{};
  ours.sa_handler = &troupe_on_termination;
  ours.sa_flags = SA_RESTART;
  // While one is handled the other waits, so the two handlers never nest.
  ::sigaddset(&ours.sa_mask, SIGTERM);
  ::sigaddset(&ours.sa_mask, SIGINT);
  ::sigaction(SIGINT, nullptr, &former_int_);
  const bool ignored = former_int_.sa_handler == SIG_IGN;
  interrupt_is_ours.store(!ignored);
  if (!ignored) ::sigaction(SIGINT, &ours, nullptr);
  ::sigaction(SIGTERM, &ours, &former_term_);
}

TerminationSignals::~TerminationSignals() {
  ::sigaction(SIGTERM, &former_term_, nullptr);
  if (interrupt_is_ours.load()) ::sigaction(SIGINT, &former_int_, nullptr);
  // A handler that is still running on another thread writes to no descriptor rather than to one
  // that was closed under it, unless it had loaded the number: then the write goes to whoever got
  // it. Only tests uninstall while the program goes on.
  event_fd.store(-1);
  host_.close(source_);
}

std::optional<int> TerminationSignals::take() {
  std::uint64_t count = 0;
  while (host_.read(source_, std::as_writable_bytes(std::span{&count, 1}))) {
  }
  const int signal_number = first_signal.exchange(0);
  if (signal_number == 0) return std::nullopt;
  return signal_number;
}

}  // namespace troupe
