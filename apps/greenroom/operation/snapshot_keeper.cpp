// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "operation/snapshot_keeper.hpp"

#include <algorithm>
#include <filesystem>

#include "persistence/shard_writer.hpp"
#include "persistence/snapshot_file.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

struct MakeSnapshot {
  Pid from;
  Ref ref;
};

using WriterPtr = std::shared_ptr<SnapshotWriter>;

class Making {
 public:
  Making(Process& self, Operation& operation) : self_{self}, operation_{operation} {}

  Async<SnapshotMade> run() {
    SnapshotMade made;
    const std::int64_t now_ms = self_.system_time() / 1ms;
    const std::string directory = snapshot_directory(operation_.config());
    made.file = directory + "/" + snapshot_name(now_ms);
    using Created = std::expected<std::unique_ptr<SnapshotWriter>, std::string>;
    auto created = co_await blocking(self_, [directory, file = made.file, now_ms]() -> Created {
      std::error_code error;
      std::filesystem::create_directories(directory, error);
      if (error) return std::unexpected(directory + ": " + error.message());
      return SnapshotWriter::create(file, now_ms);
    });
    if (!created) {
      made.error = std::move(created.error());
      co_return made;
    }
    writer_ = std::move(*created);
    const std::vector<Name>& shards = operation_.server.house.writers;
    for (const Name& shard : shards) {
      made.error = co_await copy_sessions(shard);
      if (!made.error.empty()) co_return made;
    }
    // Afterwards: whatever a record was packed with is stored, and known to the house, by then.
    for (unsigned shard = 0; shard < shards.size(); ++shard) {
      made.error = co_await copy_dictionaries(shard);
      if (!made.error.empty()) co_return made;
    }
    made.error = co_await blocking(self_, [writer = writer_]() -> std::string {
      auto finished = writer->finish();
      return finished ? std::string{} : std::move(finished.error());
    });
    made.records = writer_->records();
    co_return made;
  }

 private:
  Async<std::string> copy_sessions(Name shard) {
    std::optional<std::string> begin;
    do {
      ReadPage wanted;
      wanted.begin = std::move(begin);
      PageRead page = co_await read(shard, std::move(wanted));
      begin = std::move(page.next);
      std::erase_if(page.entries, [](const storage::Entry& entry) {
        return Dictionaries::is_stored_key(entry.key);
      });
      std::string error = co_await add(std::move(page));
      if (!error.empty()) co_return error;
    } while (begin);
    co_return std::string{};
  }

  Async<std::string> copy_dictionaries(unsigned shard) {
    const SessionHouse& house = operation_.server.house;
    const auto shards = static_cast<unsigned>(house.writers.size());
    ReadPage wanted;
    for (std::uint32_t number = 1; number <= Dictionaries::max_number; ++number) {
      std::string key = Dictionaries::stored_key(number);
      if (house.dictionaries.numbered(number) && storage::shard_of(key, shards) == shard) {
        wanted.keys.push_back(std::move(key));
      }
    }
    if (wanted.keys.empty()) co_return std::string{};
    PageRead page = co_await read(house.writers[shard], std::move(wanted));
    co_return co_await add(std::move(page));
  }

  Async<PageRead> read(Name shard, ReadPage request) {
    const Ref ref = self_.monitor(shard);
    request.from = self_.pid();
    request.ref = ref;
    troupe::send(shard.atom.text(), std::move(request));
    PageRead page = co_await self_.receive(
        when([&](const PageRead& read) { return read.ref == ref; },
             [](PageRead read) { return read; }),
        when([&](const Down& down) { return down.ref == ref; },
             [](Down) { return PageRead{.error = "a storage writer has ended"}; }));
    self_.demonitor(ref, Flush::yes);
    co_return page;
  }

  Async<std::string> add(PageRead page) {
    if (!page.error.empty()) co_return std::move(page.error);
    co_return co_await blocking(
        self_, [writer = writer_, entries = std::move(page.entries)]() -> std::string {
          for (const storage::Entry& entry : entries) {
            if (auto added = writer->add(entry.key, entry.value); !added) return added.error();
          }
          return {};
        });
  }

  Process& self_;
  Operation& operation_;
  WriterPtr writer_;
};

// One attempt, as INFO and the metrics tell of it. One that ends without success, by an exception
// say, has failed.
class Attempt {
 public:
  Attempt(Process& self, SnapshotState& state)
      : self_{self}, state_{state}, began_{self.monotonic_time()} {
    state_.is_under_way = true;
  }
  ~Attempt() {
    state_.last_took_ms = took() / 1ms;
    state_.has_last_failed = !has_succeeded_;
    if (!has_succeeded_) state_.failed.fetch_add(1, std::memory_order_relaxed);
    state_.is_under_way = false;
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void note_success() {
    has_succeeded_ = true;
    state_.last_made_at_ms = self_.system_time() / 1ms;
  }
  Duration took() const { return self_.monotonic_time() - began_; }

 private:
  Process& self_;
  SnapshotState& state_;
  Duration began_;
  bool has_succeeded_ = false;
};

Async<SnapshotMade> make(Process& self, Operation& operation) {
  Attempt attempt{self, operation.server.snapshots};
  Making making{self, operation};
  SnapshotMade made = co_await making.run();
  if (!made.error.empty()) {
    log::error("no snapshot: {}", made.error);
    co_return made;
  }
  attempt.note_success();
  const Config config = operation.config();
  const std::string directory = snapshot_directory(config);
  const auto removed = co_await blocking(
      self, [directory, keep = config.snapshots.keep] { return prune_snapshots(directory, keep); });
  log::info("snapshot {}: {} sessions in {} ms, {} older ones removed", made.file, made.records,
            attempt.took() / 1ms, removed);
  co_return made;
}

// What the keeper does next.
struct Step {
  bool makes = false;                 // else it only looks again how often it has to
  std::optional<MakeSnapshot> asked;  // none: nobody waits for it
};

}  // namespace

std::string snapshot_directory(const Config& config) {
  return config.snapshots.directory.empty() ? config.serve.data + "/snapshots"
                                            : config.snapshots.directory;
}

Async<> snapshot_keeper(Process& self, OperationPtr operation) {
  Duration last = self.monotonic_time();
  while (true) {
    const Duration every = operation->config().snapshots.every;
    const Duration due = last + every - self.monotonic_time();
    const Duration left = every == Duration::zero() ? infinity : std::max(due, Duration::zero());
    const Step step =
        co_await self.receive([](MakeSnapshot request) { return Step{true, std::move(request)}; },
                              [](SnapshotWanted) { return Step{true, std::nullopt}; },
                              [](SnapshotsConfigured) { return Step{false, std::nullopt}; },
                              after(left, [] { return Step{true, std::nullopt}; }));
    if (!step.makes) continue;
    SnapshotMade made = co_await make(self, *operation);
    last = self.monotonic_time();
    if (step.asked) {
      made.ref = step.asked->ref;
      send(step.asked->from, std::move(made));
    }
  }
}

Async<SnapshotMade> make_snapshot(Process& self) {
  const Ref ref = self.monitor(Name{snapshot_keeper_name});
  if (const Pid keeper = whereis(snapshot_keeper_name)) {
    send(keeper, MakeSnapshot{self.pid(), ref});
  }
  SnapshotMade made = co_await self.receive(
      when([&](const SnapshotMade& each) { return each.ref == ref; },
           [](SnapshotMade each) { return each; }),
      when([&](const Down& down) { return down.ref == ref; },
           [](Down) { return SnapshotMade{.error = "this server makes no snapshots"}; }));
  self.demonitor(ref, Flush::yes);
  co_return made;
}

}  // namespace greenroom
