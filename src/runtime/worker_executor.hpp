// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>

#include "base/prng.hpp"
#include "host/host.hpp"
#include "host/parker.hpp"
#include "host/thread.hpp"
#include "host/thread_probe.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/executor.hpp"
#include "runtime/io_waits.hpp"
#include "runtime/run_queue.hpp"
#include "runtime/timers.hpp"

namespace troupe::detail {

// Runs processes on real time: on threads of its own, or, with one worker and no threads, on the
// thread that calls drive.
//
// Each worker has a run queue, first in first out; max and high have queues of their own that go
// first, low has one that is asked every eighth time. What threads outside wake goes to a queue
// that all share, and from there to the one of its priority; a worker looks there when it has
// nothing else, and every 61st turn, whoever waits in its own. Two processes in conversation stay
// on one worker because nobody steals the only one that waits.
//
// Tried and given up: a slot in front of the queue for the process that was woken last, as Go and
// tokio have it. What others may empty costs an exchange on the way in and one on the way out,
// where the queue costs one compare-and-swap on the way out. And a server with a hundred clients
// answered one of them at a time; now it finds a batch.
//
// Floods. A process may send a hundred thousand messages before it waits, because a send never
// waits, and where others do the same the receiver comes behind them all: by then its messages have
// left the cache. So a process that has sent hundreds in one activation, to others who were awake
// already, is followed by the one of them that it had just written to (run_flooded). Measured with
// 1,000 senders of 1,000 messages on one worker: 44 ns a message before, 27 after; with 60
// processes that answer a million messages of one: 131 ns for both ways before, 115 after.
//
// Timers flood too. A process that set a thousand timers in each turn took longer for that than
// another for the receipt of a thousand, and they took turns: whatever was due in a turn beyond a
// thousand stayed in the mailbox. That, and not the wheel, was the lateness of a million timers
// that fire while others are set. Now the receiver goes on for as long as they took to fire. In a
// simulation, with 0.2 us for setting one, 0.65 for firing and 0.15 for its receipt, the 99th
// percentile of the lateness was 7.6 ms and is 1.8; where all is half as dear again, 30 and 3.6.
// Measured with two workers on a quiet machine, 21 runs of each in turn: 6.3 ms, and 3.1 now (1.6
// to 12.8, and 1.5 to 13.6), at the same 5.8 M timers set a second.
//
// Floods that cross from one worker to another: see crossings.cpp.
//
// Idle workers, what they take from others, and who wakes them: see idle_worker.cpp.
//
// Stuck workers. A process that neither waits nor yields keeps its worker, and with it all that
// waits behind it; see watchdog.cpp, which takes that away from the worker and adds another one.
// What a stuck process wakes or starts stays in the queue of its worker, where the others take half
// of it at a time, however fast it empties. Before, each was pushed to the shared queue: a process
// that started a million others on one worker, and the worker that was added to run them, waited
// for the lock of that queue all the time, 0.5 M processes a second, against 8.5 M now. And before
// that a fence came between each push and the look for idle workers, 3.5 M: it has the push wait
// until all that the new process consists of has come into the cache.
class WorkerExecutor final : public Executor {
 public:
  enum class Threads : bool { none, own };

  struct Limits {
    unsigned workers;
    unsigned max_extra_workers;  // that the watchdog may add
    unsigned max_blocking_threads;
    std::uint32_t max_timers;  // on each worker's wheel
  };
  static constexpr unsigned max_workers = 64;  // extra ones included

  WorkerExecutor(Threads threads, Limits limits);
  ~WorkerExecutor() override;

  void enqueue(Block& block) noexcept override;
  void enqueue_last(Block& block) noexcept override;
  void flood(Block& receiver) noexcept override;
  std::int64_t now_ns() noexcept override;
  std::int64_t rough_now_ns() noexcept override;
  std::int64_t system_ns() noexcept override;
  std::uint64_t random() noexcept override;
  TimerRef start_timer(std::uint32_t node, std::int64_t deadline_ns, TimerTask task) override;
  std::optional<Duration> cancel_timer(TimerRef timer) noexcept override;
  std::optional<Duration> read_timer(TimerRef timer) noexcept override;
  void submit(Pid asker, std::uint64_t id, Unique<BlockingJob> job) override;
  std::uint64_t watch(SocketId socket, Interest interest, Pid waiter,
                      std::uint64_t wait_id) override;
  void unwatch(std::uint64_t token) noexcept override;
  Host& host() noexcept override { return *host_; }
  unsigned lane() const noexcept override;
  unsigned workers() const noexcept override { return limits_.workers; }
  bool drive(bool (*done)(void*), void* context, std::int64_t deadline_ns) override;
  void notify() noexcept override;
  void start() override;
  void stop() noexcept override;

 private:
  // Receives one activation may make before the process goes to the tail of its run queue: about as
  // long as the BEAM's 4,000 reductions take there.
  static constexpr std::int16_t activation_budget = 1'000;
  static constexpr std::uint32_t worth_waking = 2;  // processes that wait, for another worker
  // Activations between looks at the clock: at most so many, and as few as it takes to look every
  // `check_after_ns`. One that sends, receives and sets timers a thousand times is half a
  // millisecond, and sixteen of them would have the timers of another five milliseconds late.
  static constexpr std::uint32_t check_interval = 16;
  static constexpr std::int64_t check_after_ns = 200'000;
  static constexpr std::uint32_t shared_interval = 61;  // a prime, so that it beats no rhythm
  static constexpr std::int64_t io_interval_ns = 50'000;
  static constexpr std::int64_t wake_interval_ns = 1'000'000;
  static constexpr std::int64_t long_calm_ns = 8'000'000;  // since a flood at home
  static constexpr std::int64_t worth_stealing_ns = 50'000;
  static constexpr std::int64_t long_turn_ns = 100'000;
  static constexpr unsigned crowded_looks = 3;           // `wake_interval_ns` apart
  static constexpr std::uint32_t many_left_behind = 64;  // by a stuck worker
  static constexpr std::int64_t spin_ns = 40'000;
  static constexpr std::int64_t watch_ns = 10'000;    // before anything is taken, if it is not much
  static constexpr std::int64_t unmoved_ns = 50'000;  // of one that does not get on: crossings.cpp
  static constexpr std::int64_t send_ns = 20;         // what a message costs its sender, roughly
  static constexpr std::uint32_t worth_following = 256;  // messages ahead; see run_flooded
  static constexpr std::int64_t flooded_ns = 2'000'000;

  struct alignas(128) Worker {
    Worker(unsigned worker_index, std::uint32_t max_timers)
        : index{worker_index}, timers{worker_index, max_timers} {}
    const unsigned index;
    RunQueue queue;
    SharedQueue urgent[2];  // Priority::max, Priority::high
    SharedQueue low;
    // Written by the owner; the watchdog sees by it whether the worker gets on. Orders nothing.
    std::atomic<std::uint32_t> turns{0};
    // The process it has taken last, null while it is idle. Release and acquire, so that the
    // watchdog may look at it.
    std::atomic<Block*> running{nullptr};
    // What it enqueues is for other workers, because it is stuck or resting (see watchdog.cpp). Set
    // and cleared with sequential consistency, read relaxed: what slips through is found by the
    // watchdog's next look.
    std::atomic<bool> passes_on{false};
    // Whether the owner may wake another worker: taken by that, given back after a while, or by the
    // thief who found something to take. Orders nothing else.
    std::atomic<bool> may_wake{true};
    // Whether others may take what waits here however soon it would have its turn; see note_crowd.
    // Set by the owner, cleared by a thief, too; orders nothing.
    std::atomic<bool> is_crowded{false};
    // What the owner has seen of that: since the last look, but for the number of looks.
    struct Crowd {
      std::uint32_t yields = 0;  // turns after which the process could have gone on
      std::uint32_t turns = 0;   // at the last look
      std::int64_t since_ns = 0;
      unsigned looks = 0;  // that have found a crowd, one after the other
    } crowd;
    // Whom the running process has sent more than it will find in the cache; see run_flooded.
    Block* flooded = nullptr;
    // What its processes have flooded, of other workers and of its own, and the one whose receiver
    // the running process floods; see crossings.cpp.
    struct Floods {
      std::int64_t since_ns = 0;
      std::int64_t messages = 0;
    };
    Floods across, within;
    Worker* crosses_to = nullptr;
    // Until when it is left alone because others have crossed to it. Written by those, and by
    // itself to end it. Orders nothing: who sees an old value does what it would have done before.
    std::atomic<std::int64_t> alone_until_ns{0};
    std::int64_t alone_seen_ns = 0;  // the `alone_until_ns` that the owner has noticed
    // Until when it is left alone because its processes flood each other. Written by itself, orders
    // nothing either.
    std::atomic<std::int64_t> floods_until_ns{0};
    std::uint32_t next_check = 1;   // at this turn, or the first after it that ran something
    std::uint32_t check_every = 1;  // turns
    std::int64_t last_check_ns = 0;
    std::int64_t last_wake_ns = 0;
    std::int64_t last_io_ns = 0;
    Timers timers;
    Parker parker;
    // How to wake it while it is idle: through the host's poll or its parker. Written by the worker
    // before it says that it is idle (release), read by whoever claims the wake-up (acquire).
    std::atomic<bool> polls{false};
    std::thread thread;
    // Of its thread. Written before it first says that it is not idle; the watchdog reads it once
    // `is_probed` (release, acquire) is true.
    ThreadProbe probe;
    const void* const* stack_base = nullptr;  // where that thread keeps its activation's
    std::atomic<bool> is_probed{false};
    // What the watchdog remembers of it.
    struct {
      std::uint32_t turns = 0;
      std::int64_t since_ns = 0;
      std::int64_t cpu_ns = 0;
      bool is_stuck = false;
      bool is_reported = false;
      unsigned unanswered = 0;  // times that its thread did not say where it is
    } seen;
  };

  static thread_local Worker* current_;
  Worker* own_worker() const noexcept { return of_this_thread == this ? current_ : nullptr; }

  void run(Worker& worker);
  bool run_one(Worker& worker);
  bool run_turn(Worker& worker, Block& block) noexcept;
  void run_flooded(Worker& worker, std::int64_t sending_ns) noexcept;
  Block* next_process(Worker& worker) noexcept;
  Block* next_of_all(Worker& worker, std::uint32_t turns) noexcept;
  Block* next_urgent(Worker& worker) noexcept;
  Block* next_shared(Worker& worker) noexcept;
  void check(Worker& worker);
  void poll_io(Worker& worker, std::int64_t timeout_ns);
  void idle(Worker& worker, std::int64_t deadline_ns);
  void leave_idle(Worker& worker) noexcept;
  bool has_work(const Worker& worker) const noexcept;
  bool is_work_left_behind() const noexcept;
  void enqueue_elsewhere(Worker* worker, Block& block) noexcept;
  void may_wake_one(Worker& worker) noexcept;
  void pass_on(Worker& worker, Block& block) noexcept;
  static std::uint32_t waiting(const Worker& worker) noexcept;
  void note_crowd(Worker& worker, std::int64_t now) noexcept;
  static void forget_crowd(Worker& worker) noexcept;
  // What a thief has seen of a worker when it came, to tell how fast that gets on.
  struct FirstLook {
    std::uint32_t taken;  // from its queue
    std::uint32_t turns;
  };
  static std::uint32_t take_left_behind(Worker& stuck, std::int64_t watched_ns,
                                        Block** out) noexcept;
  static std::uint32_t take_backlog(Worker& victim, const FirstLook& first, std::int64_t watched_ns,
                                    std::int64_t& most_ns, Block** out) noexcept;
  bool steal(Worker& worker, std::int64_t& again_ns);
  void wake_one() noexcept;
  void wake(Worker& worker) noexcept;
  bool finished() noexcept;
  bool has_threads() noexcept;
  bool wait_until(bool (*done)(void*), void* done_context, std::int64_t deadline_ns);
  bool drive_all_workers(bool (*done)(void*), void* done_context, std::int64_t deadline_ns);
  unsigned count() const noexcept { return count_.load(std::memory_order_acquire); }
  std::uint64_t all_bits() const noexcept;
  void notify_worker(Worker& worker) noexcept;
  void start_worker(unsigned index);

  // Crossings (crossings.cpp).
  static constexpr std::int64_t crossing_ns = 200;  // for a message and all that comes with it
  static constexpr std::int64_t across_window_ns = 500'000;
  static constexpr std::int64_t within_window_ns = 4'000'000;
  static constexpr std::int64_t alone_times = 8;
  static constexpr std::int64_t alone_again_times = 32;
  static constexpr std::int64_t alone_most_ns = 32'000'000;
  static constexpr int most_handed_over = 8;                   // batches
  static constexpr std::int64_t flood_at_home_ns = 4'000'000;  // of sending in one turn, at most

  void note_flood(Worker& worker, const Block& receiver) noexcept;
  static std::int64_t left_alone_until_ns(const Worker& worker) noexcept;
  static bool is_calm(const Worker& worker, std::int64_t now) noexcept;
  void end_crossing(Worker& worker) noexcept;
  void hand_over(Worker& worker, Worker& other) noexcept;
  bool goes_on_alone(Worker& worker, std::int64_t now) noexcept;

  // The watchdog (watchdog.cpp).
  static constexpr std::int64_t stuck_after_ns = 10'000'000;
  static constexpr std::int64_t watch_interval_ns = 5'000'000;
  static constexpr std::uint32_t quiet_looks = 20;  // before it sleeps
  static constexpr std::int64_t report_interval_ns = 1'000'000'000;

  void watch_workers();
  void look_at(Worker& worker, std::int64_t now);
  // What is told of a stuck worker.
  struct Sighting {
    Pid pid;
    std::uint32_t name = 0;
    const Behaviour* behaviour = nullptr;
    std::int64_t for_ns = 0;
    bool blocks = false;
    std::size_t depth = 0;
    void* frames[48] = {};
  };
  std::optional<Sighting> see_stuck(Worker& worker, std::int64_t now);
  void report_stuck(const Sighting& sighting);
  void take_over(Worker& worker);
  void add_worker(std::int64_t now) noexcept;
  void start_extra_worker(unsigned index, std::int64_t now) noexcept;
  void report_missing(const std::exception& error, std::int64_t now) noexcept;
  bool all_are_idle() const noexcept;
  void come_back(Worker& worker) noexcept;
  bool may_rest() noexcept;
  void rest(Worker& worker);
  void wake_watchdog() noexcept;

  std::unique_ptr<Host> host_;
  Threads threads_;
  Limits limits_;
  // The first `count_` are there; more may come, none goes before the end.
  std::array<std::unique_ptr<Worker>, max_workers> workers_;
  std::atomic<unsigned> count_{0};
  // Workers that are neither stuck nor resting, and those that rest, as bits.
  std::atomic<unsigned> active_{0};
  std::atomic<std::uint64_t> resting_{0};
  SharedQueue shared_;
  // Bit i: worker i is idle and nobody has claimed its wake-up yet. All operations seq_cst: it is
  // one side of the Dekker pattern described in idle_worker.cpp. (At most 64 workers.)
  std::atomic<std::uint64_t> idle_{0};
  std::atomic<bool> polling_{false};  // somebody is in the host's poll
  std::atomic<std::uint32_t> watches_{0};
  std::atomic<bool> stopping_{false};
  // Threads that are not workers and are waking a process: this must not go before they are done.
  std::atomic<std::uint32_t> visits_{0};
  bool started_ = false;
  IoWaits io_waits_;
  BlockingPool blocking_;

  std::thread watchdog_;
  Parker watchdog_parker_;
  // All workers were idle for a while, so the watchdog sleeps until one that stops being idle wakes
  // it. Sequentially consistent, as `idle_`: it says that it sleeps and then looks at `idle_`, they
  // clear their bit and then look whether it sleeps.
  std::atomic<bool> watchdog_sleeps_{false};
  std::int64_t last_report_ns_ = 0;
  std::int64_t last_missing_ns_ = 0;  // the last report of a worker that could not be had
  std::uint64_t unreported_ = 0;

  // For drive: of threads that wait while workers work, and of the one that works itself.
  std::mutex drive_lock_;
  std::condition_variable drive_condition_;
  std::atomic<bool> notified_{false};
};

}  // namespace troupe::detail
