// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many durable puts per second does each storage backend make, at batch 1, 50 and 500?
//
//   storage_bench [--directory D] [--seconds S] [--rounds R] [--keys K] [--value BYTES] [--tiny]
//   [--postgres CONNECTION] [backend ...]
//
// Upserts of a 37-byte key and a value of 200 bytes over K keys (200,000), one writer per store.
// Rates depend on the disk of the moment, so every round runs all backends one after the other and
// only rates of one round compare; the cost of a bare append and fdatasync is printed with each
// round. At the end all rounds are one table, as docs/reference/storage.md has it: the median and,
// in brackets, the lowest and the highest rate.
//
// PostgreSQL is a server of the benchmark's own beside the other files, unless a CONNECTION says
// otherwise. --tiny runs everything but that for a few milliseconds, to see that it runs.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <troupe/storage.hpp>
#ifdef TROUPE_HAS_POSTGRES
#include <troupe/storage_postgres.hpp>
#endif

#include "storage/disk.hpp"
#ifdef TROUPE_HAS_POSTGRES
#include "storage/postgres_server.hpp"
#endif
#ifdef TROUPE_HAS_ROCKSDB
#include "rocks_store.hpp"
#endif

namespace {

using namespace troupe::storage;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

struct Settings {
  std::string directory;
  double seconds = 2;
  int rounds = 2;
  std::uint64_t keys = 200'000;
  std::size_t value = 200;
  std::vector<std::string> backends;
  std::string postgres;
  bool tiny = false;
};

constexpr std::size_t batches[] = {1, 50, 500};
constexpr std::size_t batch_count = std::size(batches);

// The rates of a backend, by batch, then by round.
struct Row {
  std::string name;
  std::vector<double> rates[batch_count];
};

struct Opened {
  std::vector<std::unique_ptr<Store>> stores;  // one writer each
  std::unique_ptr<ShardedStore> sharded;
};

struct Backend {
  std::string name;
  std::function<Opened(const std::string& directory)> open;
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "storage_bench: %s\n", result.error().text.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

Opened one(Result<std::unique_ptr<Store>> store) {
  Opened opened;
  opened.stores.push_back(must(std::move(store)));
  return opened;
}

Opened sharded(const std::string& directory, const ShardedOptions& options) {
  return {{}, must(ShardedStore::open(directory + "/shards", options))};
}

std::vector<Backend> all_backends([[maybe_unused]] const Settings& settings) {
  std::vector<Backend> all{
      {"memory", [](const std::string&) { return one(open_memory()); }},
      {"sqlite", [](const std::string& d) { return one(open_sqlite(d + "/store.db")); }},
      {"sqlite_relaxed",
       [](const std::string& d) {
         return one(open_sqlite(d + "/store.db", {.durability = Durability::relaxed}));
       }},
      {"sqlite_x4", [](const std::string& d) { return sharded(d, {.shards = 4}); }},
      {"sqlite_x4_relaxed",
       [](const std::string& d) {
         return sharded(d, {.shards = 4, .durability = Durability::relaxed});
       }},
      {"log", [](const std::string& d) { return one(open_log(d + "/log")); }},
      {"log_no_zeros",
       [](const std::string& d) { return one(open_log(d + "/log", {.preallocate_bytes = 0})); }},
      {"log_relaxed",
       [](const std::string& d) {
         return one(open_log(d + "/log", {.durability = Durability::relaxed}));
       }},
      {"log_x4",
       [](const std::string& d) { return sharded(d, {.shards = 4, .engine = Engine::log}); }},
      {"log_on_disk",
       [](const std::string& d) {
         return one(open_log(d + "/log", {.residence = Residence::on_disk}));
       }},
      {"log_on_disk_x4",
       [](const std::string& d) {
         ShardedOptions options{.shards = 4, .engine = Engine::log};
         options.log.residence = Residence::on_disk;
         return sharded(d, options);
       }},
      {"files", [](const std::string& d) { return one(open_files(d + "/files")); }},
#ifdef TROUPE_HAS_ROCKSDB
      {"rocksdb", [](const std::string& d) { return one(RocksStore::open(d + "/rocks")); }},
#endif
  };
#ifdef TROUPE_HAS_POSTGRES
  if (!settings.postgres.empty()) {
    all.push_back({"postgres", [connection = settings.postgres](const std::string&) {
                     return one(open_postgres({.connection = connection, .space = "bench"}));
                   }});
  }
#endif
  return all;
}

std::string key_of(std::uint64_t number) {
  char text[48];
  std::snprintf(text, sizeof text, "sess:%032llx", static_cast<unsigned long long>(number));
  return text;
}

// Records per second of one writer.
double write_for(Store& store, const Settings& settings, std::size_t batch, std::uint64_t keys,
                 std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<Entry> entries(batch);
  std::vector<Change> changes(batch);
  std::uint64_t written = 0;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(settings.seconds);
  do {
    for (std::size_t i = 0; i < batch; ++i) {
      entries[i].key = key_of(random() % keys);
      entries[i].value.assign(settings.value, static_cast<char>('a' + random() % 26));
      changes[i] = Change::put(entries[i].key, entries[i].value);
    }
    must(store.write_batch(changes));
    written += batch;
  } while (Clock::now() < end);
  return static_cast<double>(written) / std::chrono::duration<double>(Clock::now() - start).count();
}

double run(const Backend& backend, const Settings& settings, std::size_t batch) {
  const std::string directory = settings.directory + "/" + backend.name;
  fs::remove_all(directory);
  fs::create_directory(directory);
  double rate = 0;
  {
    Opened opened = backend.open(directory);
    std::vector<Store*> stores;
    for (auto& store : opened.stores) stores.push_back(store.get());
    for (unsigned i = 0; opened.sharded && i < opened.sharded->shard_count(); ++i) {
      stores.push_back(&opened.sharded->shard(i));
    }
    std::vector<double> rates(stores.size());
    std::vector<std::thread> writers;
    for (std::size_t i = 0; i < stores.size(); ++i) {
      writers.emplace_back([&, i] {
        rates[i] = write_for(*stores[i], settings, batch, settings.keys / stores.size() + 1, i + 1);
      });
    }
    for (auto& writer : writers) writer.join();
    for (const double part : rates) rate += part;
  }
  fs::remove_all(directory);
  return rate;
}

// Mean time of a 4 KiB append and fdatasync, in microseconds.
double sync_cost(const Settings& settings) {
  const std::string path = settings.directory + "/sync";
  auto file = real_disk().open(path, OpenMode::create);
  if (!file) return 0;
  const std::string page(4096, 'x');
  int count = 0;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(std::min(settings.seconds, 0.3));
  do {
    (void)(*file)->write(static_cast<std::uint64_t>(count++) * page.size(), page);
    (void)(*file)->sync();
  } while (Clock::now() < end);
  (void)real_disk().remove(path);
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / count;
}

Settings parse(int argc, char** argv) {
  Settings settings;
  const auto value = [&](int& i) -> std::string {
    if (i + 1 < argc) return argv[++i];
    std::fprintf(stderr, "storage_bench: %s wants a value\n", argv[i]);
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--directory")
      settings.directory = value(i);
    else if (flag == "--seconds")
      settings.seconds = std::atof(value(i).c_str());
    else if (flag == "--rounds")
      settings.rounds = std::atoi(value(i).c_str());
    else if (flag == "--keys")
      settings.keys = static_cast<std::uint64_t>(std::atoll(value(i).c_str()));
    else if (flag == "--value")
      settings.value = static_cast<std::size_t>(std::atoll(value(i).c_str()));
    else if (flag == "--postgres")
      settings.postgres = value(i);
    else if (flag == "--tiny")
      settings.tiny = true, settings.seconds = 0.002, settings.rounds = 1, settings.keys = 100;
    else if (flag.starts_with("--")) {
      std::fprintf(stderr, "storage_bench: unknown flag %s\n", argv[i]);
      std::exit(2);
    } else
      settings.backends.emplace_back(flag);
  }
  return settings;
}

void run_round(const std::vector<Backend>& backends, const Settings& settings,
               std::vector<Row>& table) {
  std::printf("%-18s %12s %12s %12s\n", "puts/s", "batch 1", "batch 50", "batch 500");
  for (std::size_t i = 0; i < backends.size(); ++i) {
    std::printf("%-18s", backends[i].name.c_str());
    for (std::size_t b = 0; b < batch_count; ++b) {
      const double rate = run(backends[i], settings, batches[b]);
      table[i].rates[b].push_back(rate);
      std::printf(" %12.0f", rate);
      std::fflush(stdout);
    }
    std::printf("\n");
  }
}

// 1234567 as 1,230,000: three digits are more than a disk repeats.
std::string rounded(double rate) {
  double unit = 1;
  while (rate / unit >= 1000) unit *= 10;
  std::string digits = std::to_string(std::llround(rate / unit) * static_cast<long long>(unit));
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

void print(std::vector<Row>& table) {
  std::printf("\n| backend | batch 1 | batch 50 | batch 500 |\n|---|---|---|---|\n");
  for (Row& row : table) {
    std::printf("| %s |", row.name.c_str());
    for (auto& rates : row.rates) {
      std::ranges::sort(rates);
      std::printf(" %s", rounded(rates[rates.size() / 2]).c_str());
      if (rates.size() > 1) {
        std::printf(" (%s to %s)", rounded(rates.front()).c_str(), rounded(rates.back()).c_str());
      }
      std::printf(" |");
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings = parse(argc, argv);
  bool temporary = false;
  if (settings.directory.empty()) {
    settings.directory = (fs::temp_directory_path() / "storage-bench-XXXXXX").string();
    if (::mkdtemp(settings.directory.data()) == nullptr) return 1;
    temporary = true;
  }
  const auto is_wanted = [&](const std::string& name) {
    return settings.backends.empty() ||
           std::ranges::find(settings.backends, name) != settings.backends.end();
  };
#ifdef TROUPE_HAS_POSTGRES
  std::unique_ptr<test::PostgresServer> server;
  if (settings.postgres.empty() && !settings.tiny && is_wanted("postgres")) {
    server = test::PostgresServer::launch();
    if (server) settings.postgres = server->connection();
  }
#endif
  std::vector<Backend> backends = all_backends(settings);
  std::erase_if(backends, [&](const Backend& backend) { return !is_wanted(backend.name); });
  std::vector<Row> table;
  for (const Backend& backend : backends) table.push_back({backend.name, {}});
  for (int round = 1; round <= settings.rounds; ++round) {
    std::printf("round %d, append+fdatasync %.0f us\n", round, sync_cost(settings));
    run_round(backends, settings, table);
  }
  print(table);
  if (temporary) fs::remove_all(settings.directory);
}
