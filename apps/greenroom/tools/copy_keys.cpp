// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/copy_keys.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

#include "tools/progress_bar.hpp"
#include "tools/resp_client.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr const char* keys_at_once = "250";
// Fields or members sent in one command.
constexpr std::size_t words_at_once = 1'000;

struct Counts {
  std::uint64_t seen = 0;
  std::uint64_t copied = 0;
  std::uint64_t kept = 0;  // were there already
  std::uint64_t gone = 0;  // expired or deleted between SCAN and reading
  std::uint64_t refused = 0;
  std::string first_refusal;
  std::map<std::string, std::uint64_t> other_types;
};

struct Key {
  std::string name;
  std::string type;
  std::int64_t ttl_ms = -1;
};

// A pipeline that is being put together.
struct Batch {
  std::string bytes;
  std::size_t count = 0;
  void add(std::span<const std::string_view> words) {
    append_command(bytes, words);
    ++count;
  }
  void add(std::initializer_list<std::string_view> words) {
    add(std::span<const std::string_view>{words.begin(), words.size()});
  }
};

class Copy {
 public:
  template <class T>
  using Result = RespClient::Result<T>;

  Copy(Process& self, const CopyOptions& options, RespClient from, RespClient to)
      : self_{self}, options_{options}, from_{std::move(from)}, to_{std::move(to)} {}

  Async<Result<Counts>> run() {
    auto size = co_await from_.ask(self_, {std::string{"DBSIZE"}});
    if (!size) co_return std::unexpected(std::move(size.error()));
    ProgressBar bar{"keys", static_cast<std::uint64_t>(std::max<std::int64_t>(size->integer, 0)),
                    self_.monotonic_time()};
    std::string cursor = "0";
    do {
      std::vector<std::string> words{"SCAN",         cursor,  "MATCH",
                                     options_.match, "COUNT", keys_at_once};
      auto page = co_await from_.ask(self_, std::move(words));
      if (!page) co_return std::unexpected(std::move(page.error()));
      if (page->is_error() || page->elements.size() != 2) {
        co_return std::unexpected("SCAN: " + page->text);
      }
      cursor = page->elements[0].text;
      std::vector<Key> keys;
      for (RespReply& name : page->elements[1].elements) keys.push_back({std::move(name.text), {}});
      auto copied = co_await copy_page(std::move(keys));
      if (!copied) co_return std::unexpected(std::move(copied.error()));
      bar.show(counts_.seen, self_.monotonic_time());
    } while (cursor != "0");
    bar.finish(counts_.seen, self_.monotonic_time());
    co_return std::move(counts_);
  }

 private:
  Async<Result<void>> copy_page(std::vector<Key> keys) {
    counts_.seen += keys.size();
    if (keys.empty()) co_return Result<void>{};
    Batch questions;
    for (const Key& key : keys) {
      questions.add({"TYPE", key.name});
      questions.add({"PTTL", key.name});
    }
    auto facts = co_await from_.ask(self_, std::move(questions.bytes), questions.count);
    if (!facts) co_return std::unexpected(std::move(facts.error()));
    Batch reads;
    std::vector<Key> wanted;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      Key& key = keys[i];
      key.type = (*facts)[2 * i].text;
      key.ttl_ms = (*facts)[2 * i + 1].integer;
      if (key.type == "none" || key.ttl_ms == -2) {
        ++counts_.gone;
        continue;
      }
      const std::string_view command = key.type == "string" ? "GET"
                                       : key.type == "hash" ? "HGETALL"
                                       : key.type == "set"  ? "SMEMBERS"
                                                            : "";
      if (command.empty()) {
        ++counts_.other_types[key.type];
        continue;
      }
      reads.add({command, key.name});
      wanted.push_back(std::move(key));
    }
    auto values = co_await from_.ask(self_, std::move(reads.bytes), reads.count);
    if (!values) co_return std::unexpected(std::move(values.error()));
    if (options_.dry_run) {
      counts_.copied += wanted.size();
      co_return Result<void>{};
    }
    co_return co_await write_page(std::move(wanted), std::move(*values));
  }

  Async<Result<void>> write_page(std::vector<Key> keys, std::vector<RespReply> values) {
    std::vector<bool> keep(keys.size(), false);
    if (options_.keep_existing) {
      Batch questions;
      for (const Key& key : keys) questions.add({"EXISTS", key.name});
      auto there = co_await to_.ask(self_, std::move(questions.bytes), questions.count);
      if (!there) co_return std::unexpected(std::move(there.error()));
      for (std::size_t i = 0; i < keys.size(); ++i) keep[i] = (*there)[i].integer == 1;
    }
    Batch writes;
    std::vector<std::size_t> commands(keys.size(), 0);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keep[i]) {
        ++counts_.kept;
        continue;
      }
      const std::size_t before = writes.count;
      add_writes(writes, keys[i], values[i]);
      commands[i] = writes.count - before;
      if (commands[i] == 0) ++counts_.gone;
    }
    auto replies = co_await to_.ask(self_, std::move(writes.bytes), writes.count);
    if (!replies) co_return std::unexpected(std::move(replies.error()));
    std::size_t at = 0;
    for (const std::size_t count : commands) {
      const RespReply* refusal = nullptr;
      for (std::size_t i = 0; i < count; ++i) {
        const RespReply& reply = (*replies)[at++];
        if (reply.is_error()) refusal = &reply;
      }
      if (refusal) {
        if (counts_.refused++ == 0) counts_.first_refusal = refusal->text;
      } else if (count > 0) {
        ++counts_.copied;
      }
    }
    co_return Result<void>{};
  }

  // The commands that make the key; none for one that is gone by now.
  static void add_writes(Batch& writes, const Key& key, const RespReply& value) {
    const std::string ttl = std::to_string(key.ttl_ms);
    if (value.kind == RespReply::Kind::bulk) {
      if (key.ttl_ms > 0) {
        writes.add({"SET", key.name, value.text, "PX", ttl});
      } else {
        writes.add({"SET", key.name, value.text});
      }
      return;
    }
    if (value.kind != RespReply::Kind::array || value.elements.empty()) return;
    writes.add({"DEL", key.name});
    const std::string_view command = key.type == "hash" ? "HSET" : "SADD";
    for (std::size_t at = 0; at < value.elements.size();) {
      std::vector<std::string_view> words{command, key.name};
      // An even number, so that a field stays with its value.
      const std::size_t end = std::min(at + words_at_once, value.elements.size());
      for (; at < end; ++at) words.push_back(value.elements[at].text);
      writes.add(words);
    }
    if (key.ttl_ms > 0) writes.add({"PEXPIRE", key.name, ttl});
  }

  Process& self_;
  const CopyOptions& options_;
  RespClient from_;
  RespClient to_;
  Counts counts_;
};

int report(const Counts& counts, const CopyOptions& options) {
  std::printf(
      "%llu of %llu keys %s from %s to %s.\n", static_cast<unsigned long long>(counts.copied),
      static_cast<unsigned long long>(counts.seen), options.dry_run ? "would be copied" : "copied",
      options.from.text().c_str(), options.to.text().c_str());
  if (counts.kept > 0) {
    std::printf("%llu were there already and stayed.\n",
                static_cast<unsigned long long>(counts.kept));
  }
  if (counts.gone > 0) {
    std::printf("%llu were gone before they were read.\n",
                static_cast<unsigned long long>(counts.gone));
  }
  for (const auto& [type, count] : counts.other_types) {
    std::printf("%llu of type %s were left out.\n", static_cast<unsigned long long>(count),
                type.c_str());
  }
  if (counts.refused > 0) {
    std::printf("%llu were refused: %s\n", static_cast<unsigned long long>(counts.refused),
                counts.first_refusal.c_str());
  }
  return counts.other_types.empty() && counts.refused == 0 ? 0 : 2;
}

}  // namespace

int copy_keys(const CopyOptions& options) {
  Runtime runtime{{.name = "greenroom_copy", .execution = Execution::single}};
  return runtime.run([options](Process& self) -> Async<int> {
    // In the coroutine's frame: the lambda is gone when it goes on.
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
    const CopyOptions copied = options;
    auto from = co_await RespClient::connect(self, copied.from);
    if (!from) {
      std::fprintf(stderr, "greenroom: %s\n", from.error().c_str());
      co_return 1;
    }
    auto to = co_await RespClient::connect(self, copied.to);
    if (!to) {
      std::fprintf(stderr, "greenroom: %s\n", to.error().c_str());
      co_return 1;
    }
    Copy copy{self, copied, std::move(*from), std::move(*to)};
    auto counts = co_await copy.run();
    if (!counts) {
      std::fprintf(stderr, "greenroom: %s\n", counts.error().c_str());
      co_return 1;
    }
    co_return report(*counts, copied);
  });
}

}  // namespace greenroom
