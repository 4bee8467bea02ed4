// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "operation/snapshot_keeper.hpp"

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
      return SnapshotWriter::create(file, now_ms);
    });
    if (!created) {
      made.error = std::move(created.error());
      co_return made;
    }
    writer_ = std::move(*created);
    // The dictionaries last: whatever a record above was packed with is stored by then.
    for (const Part part : {Part::sessions, Part::dictionaries}) {
      for (const Name& shard : operation_.server.house.writers) {
        made.error = co_await copy_shard(shard, part);
        if (!made.error.empty()) co_return made;
      }
    }
    made.error = co_await blocking(self_, [writer = writer_]() -> std::string {
      auto finished = writer->finish();
      return finished ? std::string{} : std::move(finished.error());
    });
    made.records = writer_->records();
    co_return made;
  }

 private:
  enum class Part : bool { sessions, dictionaries };

  Async<std::string> copy_shard(Name shard, Part part) {
    // Dictionaries stand behind all sessions.
    std::string after = part == Part::sessions ? std::string{} : std::string{"\xFF"};
    for (;;) {
      const Ref ref = self_.monitor(shard);
      troupe::send(shard.atom.text(), ReadPage{self_.pid(), ref, after});
      auto page =
          co_await self_.receive(when([&](const PageRead& read) { return read.ref == ref; },
                                      [](PageRead read) { return std::optional{std::move(read)}; }),
                                 when([&](const Down& down) { return down.ref == ref; },
                                      [](Down) { return std::optional<PageRead>{}; }));
      self_.demonitor(ref, Flush::yes);
      if (!page) co_return "a storage writer has ended";
      if (!page->error.empty()) co_return std::move(page->error);
      if (!page->entries.empty()) after = page->entries.back().key;
      const bool is_last = page->is_last;
      std::string error = co_await blocking(
          self_, [writer = writer_, part, entries = std::move(page->entries)]() -> std::string {
            for (const storage::Entry& entry : entries) {
              const bool is_dictionary = Dictionaries::is_stored_key(entry.key);
              if (is_dictionary != (part == Part::dictionaries)) continue;
              if (auto added = writer->add(entry.key, entry.value); !added) return added.error();
            }
            return {};
          });
      if (!error.empty()) co_return error;
      if (is_last) co_return std::string{};
    }
  }

  Process& self_;
  Operation& operation_;
  WriterPtr writer_;
};

Async<SnapshotMade> make(Process& self, Operation& operation) {
  const Duration begin = self.monotonic_time();
  Making making{self, operation};
  SnapshotMade made = co_await making.run();
  if (!made.error.empty()) {
    operation.snapshots_failed.fetch_add(1, std::memory_order_relaxed);
    log::error("no snapshot: {}", made.error);
    co_return made;
  }
  operation.last_snapshot_ms = self.system_time() / 1ms;
  const Config config = operation.config();
  const std::string directory = snapshot_directory(config);
  const auto removed = co_await blocking(
      self, [directory, keep = config.snapshots.keep] { return prune_snapshots(directory, keep); });
  log::info("snapshot {}: {} sessions in {} ms, {} older ones removed", made.file, made.records,
            (self.monotonic_time() - begin) / 1ms, removed);
  co_return made;
}

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
    auto asked = co_await self.receive(
        [](MakeSnapshot request) { return std::optional{std::move(request)}; },
        [](SnapshotWanted) { return std::optional<MakeSnapshot>{}; },
        after(left, [] { return std::optional<MakeSnapshot>{}; }));
    SnapshotMade made = co_await make(self, *operation);
    last = self.monotonic_time();
    if (asked) {
      made.ref = asked->ref;
      send(asked->from, std::move(made));
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
