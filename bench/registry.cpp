// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How fast is a process found by its name? Registered atoms (whereis), the keys of a KeyTable, and
// those of a Registry; one reader, and as many as READERS at once.
#include <troupe/key_table.hpp>
#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Stop {};
struct Registered {};
struct Found {
  std::int64_t count;
};

// Texts as Go has them: two words for each, and the bytes one after the other. Strings of the
// standard library are four words, and their bytes wherever the allocator puts them; with 100,000
// of them a look-up would wait for its name longer than for the table.
struct Names {
  std::string bytes;
  std::vector<std::string_view> texts;
  std::vector<Atom> atoms;
  KeyTable keys;
};
using SharedNames = std::shared_ptr<const Names>;

}  // namespace

}  // namespace troupe::bench

// Texts and atoms are not written to any more, and a KeyTable is made to be shared.
template <>
inline constexpr bool troupe::enable_message<troupe::bench::SharedNames> = true;

namespace troupe::bench {

namespace {

Async<> named(Process& self, Pid owner, std::string key) {
  co_await Registry::register_key(self, "names", key);
  send(owner, Registered{});
  co_await self.receive<Stop>();
}

// Finds the name with this number in one of the three ways.
struct ByAtom {
  static constexpr const char* metric = "whereis_rate";
  static bool find(const Names& names, std::size_t i) { return bool{whereis(names.atoms[i])}; }
};
struct ByKey {
  static constexpr const char* metric = "key_table_rate";
  static bool find(const Names& names, std::size_t i) {
    return bool{names.keys.find(names.texts[i])};
  }
};
struct ByRegistry {
  static constexpr const char* metric = "registry_rate";
  static bool find(const Names& names, std::size_t i) {
    return bool{Registry::whereis("names", names.texts[i])};
  }
};

template <class How>
void reader(Process&, Pid owner, SharedNames names, std::int64_t lookups, std::uint64_t seed) {
  std::uint64_t random = seed;
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < lookups; ++i) {
    random = draw(random);
    found += How::find(*names, random % names->texts.size());
  }
  send(owner, Found{found});
}

template <class How>
Async<> measure(Process& self, SharedNames names, std::int64_t lookups, std::int64_t readers) {
  for (const std::int64_t at_once : {std::int64_t{1}, readers}) {
    const Stopwatch watch;
    for (std::int64_t i = 0; i < at_once; ++i) {
      spawn(reader<How>, self.pid(), names, lookups, static_cast<std::uint64_t>(886'452 + i));
    }
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < at_once; ++i) {
      const Found more = co_await self.receive<Found>();
      found += more.count;
    }
    if (found != lookups * at_once) self.exit("a name was not found");
    const std::string suffix = at_once == 1 ? "" : "_x" + std::to_string(at_once);
    print("registry", How::metric + suffix, watch.rate(lookups * at_once), "lookups/s");
    if (readers <= 1) break;
  }
}

Async<> start(Process& self, std::int64_t count, std::int64_t lookups, std::int64_t readers) {
  co_await Registry::start_link(self, {.name = "names"});
  auto names = std::make_shared<Names>();
  for (std::int64_t i = 0; i < count; ++i) names->bytes += "bench_name_" + std::to_string(i);
  for (std::size_t at = 0; at < names->bytes.size(); at += names->texts.back().size()) {
    const std::size_t next = names->bytes.find('b', at + 1);
    names->texts.push_back(std::string_view{names->bytes}.substr(at, next - at));
    names->atoms.push_back(Atom{names->texts.back()});
  }
  std::vector<Pid> pids;
  {
    const Stopwatch watch;
    for (const std::string_view text : names->texts) {
      pids.push_back(spawn(named, self.pid(), std::string{text}));
    }
    for (std::int64_t i = 0; i < count; ++i) co_await self.receive<Registered>();
    print("registry", "register_rate", watch.rate(count), "ops/s");
  }
  {
    const Stopwatch watch;
    for (std::size_t i = 0; i < pids.size(); ++i) register_name(names->atoms[i], pids[i]);
    print("registry", "register_name_rate", watch.rate(count), "ops/s");
  }
  for (std::size_t i = 0; i < pids.size(); ++i) names->keys.insert(names->texts[i], pids[i]);
  co_await measure<ByAtom>(self, names, lookups, readers);
  co_await measure<ByKey>(self, names, lookups, readers);
  co_await measure<ByRegistry>(self, names, lookups, readers);
  std::_Exit(0);  // without the orderly end of all that were registered, like the peers
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1], sizes[2]); }

}  // namespace

const Workload registry{"registry", "NAMES LOOKUPS READERS", "100 1000 2", run};

}  // namespace troupe::bench
