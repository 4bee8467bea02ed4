// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A cache as a process that others ask, instead of a map they share; and the same as several
// processes, each for its part of the keys, for when one is not fast enough. The course says "or
// sharded" and leaves it there. Who asks does not see which it is: a key belongs to one shard,
// chosen in the caller.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace sharded_cache {

struct Cache : GenServer<Cache> {
  struct Set {
    std::string key, value;
    using Reply = void;
  };
  struct Get {
    std::string key;
    using Reply = std::optional<std::string>;
  };
  struct Size {
    using Reply = std::size_t;
  };
  void handle_call(Set m) { data_[std::move(m.key)] = std::move(m.value); }
  std::optional<std::string> handle_call(Get m) {
    const auto at = data_.find(m.key);
    return at == data_.end() ? std::optional<std::string>{} : at->second;
  }
  std::size_t handle_call(Size) { return data_.size(); }

 private:
  std::map<std::string, std::string> data_;
};

// The shards are named, so they are found again after a restart; a crash loses one part.
class ShardedCache {
 public:
  explicit ShardedCache(unsigned shards) : shards_{shards} {}

  ChildSpec spec() const {
    Children all;
    for (unsigned i = 0; i < shards_; ++i) all.push_back(child<Cache>().named(name(i)));
    return supervisor("sharded_cache", std::move(all));
  }
  ServerRef<Cache> shard_of(const std::string& key) const {
    return named<Cache>(name(phash2(Term::binary(key), shards_)));
  }
  Async<> set(Process& self, std::string key, std::string value) const {
    const auto shard = shard_of(key);
    co_await call(self, shard, Cache::Set{std::move(key), std::move(value)});
  }
  Async<std::optional<std::string>> get(Process& self, std::string key) const {
    const auto shard = shard_of(key);
    co_return co_await call(self, shard, Cache::Get{std::move(key)});
  }
  Async<std::vector<std::size_t>> sizes(Process& self) const {
    std::vector<std::size_t> sizes;
    for (unsigned i = 0; i < shards_; ++i) {
      sizes.push_back(co_await call(self, named<Cache>(name(i)), Cache::Size{}));
    }
    co_return sizes;
  }

 private:
  static std::string name(unsigned shard) { return "cache_" + std::to_string(shard); }
  unsigned shards_;
};

}  // namespace sharded_cache
