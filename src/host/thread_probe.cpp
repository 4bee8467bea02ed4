// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/thread_probe.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <mutex>
#include <semaphore.h>
#include <unistd.h>

#include "host/descriptor.hpp"
#include "host/stack_trace.hpp"

namespace troupe {

namespace {

constexpr int stack_signal = SIGURG;
constexpr std::size_t max_frames = 64;

// The one question that may be open. Static, because a thread that answers too late must still find
// it. Its word is the question's number, above two bits that say how far it is:
//
//   free      -> asked      by the asker, who holds `asking`: the next number (release: what is
//                           asked)
//   asked     -> answering  by the thread in question, inside the handler (acquire: sees what is
//                           asked)
//   answering -> answered   by the same (release: the frames)
//   asked     -> free       by the asker, after its patience; answered -> free by the same
//
// The number is for a thread that is interrupted between reading the word and taking the question:
// by then there may be another one, for another thread. Whom it is for is atomic for the same
// reason; what else was asked is read once the question is taken, when it stays as it is.
enum State : std::uint64_t { free = 0, asked = 1, answering = 2, answered = 3, state_mask = 3 };
struct Question {
  std::atomic<std::uint64_t> word{State::free};
  std::atomic<pthread_t> thread{};
  const void* const* outermost = nullptr;
  void* frames[max_frames];
  std::size_t count = 0;
  sem_t answered;
};
Question question;
std::mutex asking;
struct sigaction former_action;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
                  std::atomic<pthread_t>::is_always_lock_free,
              "used in a signal handler");

void call_former(int number, siginfo_t* info, void* context) {
  if ((former_action.sa_flags & SA_SIGINFO) != 0) {
    former_action.sa_sigaction(number, info, context);
  } else if (former_action.sa_handler != SIG_DFL && former_action.sa_handler != SIG_IGN) {
    former_action.sa_handler(number);
  }
}

extern "C" void troupe_on_stack_signal(int number, siginfo_t* info, void* context) {
  std::uint64_t word = question.word.load(std::memory_order_acquire);
  const std::uint64_t number_asked = word & ~State::state_mask;
  if ((word & State::state_mask) != State::asked ||
      ::pthread_equal(question.thread.load(std::memory_order_relaxed), ::pthread_self()) == 0 ||
      !question.word.compare_exchange_strong(word, number_asked | State::answering,
                                             std::memory_order_acquire)) {
    call_former(number, info, context);
    return;
  }
  const int saved = errno;
  // The first frame is the signal's return; what it interrupted follows.
  question.count = capture_stack(question.frames, *question.outermost);
  question.word.store(number_asked | State::answered, std::memory_order_release);
  ::sem_post(&question.answered);
  errno = saved;
}

void install() {
  static const bool installed = [] {
    ::sem_init(&question.answered, 0, 0);
    struct sigaction action{};
    action.sa_sigaction = &troupe_on_stack_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(stack_signal, &action, &former_action);
    // The unwinder loads itself at its first use, which must not be inside the handler.
    void* warm_up[2];
    (void)capture_stack(warm_up, nullptr);
    return true;
  }();
  (void)installed;
}

}  // namespace

ThreadProbe ThreadProbe::of_this_thread() noexcept {
  ThreadProbe probe;
  probe.thread_ = ::pthread_self();
  probe.id_ = ::gettid();
  return probe;
}

std::int64_t ThreadProbe::cpu_ns() const noexcept {
  clockid_t clock;
  timespec time{};
  if (id_ == 0 || ::pthread_getcpuclockid(thread_, &clock) != 0) return 0;
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

bool ThreadProbe::is_blocked() const noexcept {
  if (id_ == 0) return false;
  char text[512];
  std::snprintf(text, sizeof text, "/proc/self/task/%d/stat", static_cast<int>(id_));
  const Descriptor file{::open(text, O_RDONLY | O_CLOEXEC)};
  if (!file) return false;
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  if (size <= 0) return false;
  text[size] = '\0';
  // `id (name) state ...`, and the name may hold anything (proc(5)).
  const char* after_name = std::strrchr(text, ')');
  return after_name && after_name[1] == ' ' && after_name[2] != 'R' && after_name[2] != '\0';
}

std::size_t ThreadProbe::stack(std::span<void*> frames,
                               const void* const* outermost) const noexcept {
  if (id_ == 0) return 0;
  const std::lock_guard guard{asking};
  install();
  while (::sem_trywait(&question.answered) == 0) {
  }
  const std::uint64_t number =
      question.word.load(std::memory_order_relaxed) + State::state_mask + 1;
  question.thread.store(thread_, std::memory_order_relaxed);
  question.outermost = outermost;
  question.word.store(number | State::asked, std::memory_order_release);
  timespec deadline{};
  ::clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += 20'000'000;
  deadline.tv_sec += deadline.tv_nsec / 1'000'000'000;
  deadline.tv_nsec %= 1'000'000'000;
  if (::pthread_kill(thread_, stack_signal) == 0) {
    while (::sem_timedwait(&question.answered, &deadline) != 0 && errno == EINTR) {
    }
  }
  std::uint64_t expected = number | State::asked;
  if (question.word.compare_exchange_strong(expected, number | State::free)) return 0;
  // It has begun to answer, which takes microseconds once it runs.
  while (question.word.load(std::memory_order_acquire) != (number | State::answered)) {
    ::sem_wait(&question.answered);
  }
  // Without the frame that the signal itself put there.
  const std::size_t own = question.count > 0 ? 1 : 0;
  const std::size_t count = std::min(question.count - own, frames.size());
  std::copy_n(question.frames + own, count, frames.begin());
  question.word.store(number | State::free, std::memory_order_relaxed);
  return count;
}

}  // namespace troupe
