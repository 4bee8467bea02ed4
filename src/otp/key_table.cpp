// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <atomic>
#include <optional>
#include <string>

#include <troupe/key_table.hpp>

#include "base/concurrent_map.hpp"
#include "otp/pid_brief.hpp"
#include "otp/secret_hash.hpp"

namespace troupe {

// Look-ups take no lock, and those of one key by many threads share nothing that is written.
//
// Before: 4,096 maps of the standard library, each under a shared lock. A reader wrote to the
// lock's line twice, which the other readers then had to fetch.
//
// One of two maps, because slots with a Brief are 32 bytes: short keys are found a third faster in
// them (15.0 M look-ups/s of two readers among 100,000, 9.9 M in the other), and where keys are
// longer than fit into one they only made every session of Greenroom 50 bytes larger.
struct KeyTable::Shards {
  using ShortKeys = ConcurrentMap<std::string, Pid, TextHash, detail::PidBrief>;
  using LongKeys = ConcurrentMap<std::string, Pid, TextHash>;
  std::optional<ShortKeys> short_keys;
  std::optional<LongKeys> long_keys;

  explicit Shards(KeyLength length) {
    if (length == KeyLength::up_to_16_bytes) {
      short_keys.emplace(detail::secret_hash());
    } else {
      long_keys.emplace(detail::secret_hash());
    }
  }
  // use(map), whichever it is.
  template <class Use>
  auto with_map(Use use) {
    return short_keys ? use(*short_keys) : use(*long_keys);
  }

  // Whose processes they are: a pid's brief does not tell. 0: there has been none; and once there
  // was one of another node, `several`, and look-ups ask the entries.
  static constexpr std::uint32_t several = UINT32_MAX;
  std::atomic<std::uint32_t> node{0};

  // Before the pid is put in. Relaxed: ordered by the slot that the pid is published in.
  void note_node(Pid pid) noexcept {
    std::uint32_t known = node.load(std::memory_order_relaxed);
    while (known != pid.node() && known != several &&
           !node.compare_exchange_weak(known, known == 0 ? pid.node() : several,
                                       std::memory_order_relaxed)) {
    }
  }
};

KeyTable::KeyTable(KeyLength length) : shards_{std::make_unique<Shards>(length)} {}
KeyTable::~KeyTable() = default;

Pid KeyTable::find(std::string_view key) const {
  if (shards_->long_keys) return shards_->long_keys->find(key).value_or(Pid{});
  const EpochGuard guard;
  const std::optional<std::uint64_t> brief = shards_->short_keys->find_brief(key, guard);
  if (!brief) return Pid{};
  const std::uint32_t node = shards_->node.load(std::memory_order_relaxed);
  if (node != Shards::several) return detail::PidBrief::pid(node, *brief);
  return shards_->short_keys->find(key).value_or(Pid{});
}

void KeyTable::expect(std::string_view key) const {
  shards_->with_map([&](const auto& map) { map.prefetch(key); });
}

bool KeyTable::insert(std::string_view key, Pid pid) {
  shards_->note_node(pid);
  return shards_->with_map([&](auto& map) { return map.insert_if_absent(key, pid); });
}

bool KeyTable::replace(std::string_view key, Pid before, Pid pid) {
  shards_->note_node(pid);
  return shards_->with_map([&](auto& map) {
    return map.update(key, [&](std::optional<Pid>& entry) {
      if (entry.value_or(Pid{}) != before) return false;
      entry = pid;
      return true;
    });
  });
}

std::string_view KeyTable::kept_key(std::string_view key, Pid pid) const {
  std::string_view kept;
  shards_->with_map([&](auto& map) {
    map.visit_entry(key, [&](std::string_view stored, Pid holder) {
      if (holder == pid) kept = stored;
    });
  });
  return kept;
}

bool KeyTable::erase(std::string_view key, Pid pid) {
  return shards_->with_map(
      [&](auto& map) { return map.erase_if(key, [&](Pid entry) { return entry == pid; }); });
}

std::size_t KeyTable::size() const {
  return shards_->with_map([](auto& map) { return map.size(); });
}

std::uint64_t KeyTable::scan(std::uint64_t cursor, std::size_t count, Visit visit,
                             void* context) const {
  return shards_->with_map([&](auto& map) {
    return map.scan(cursor, count,
                    [&](std::string_view key, Pid pid) { visit(context, key, pid); });
  });
}

}  // namespace troupe
