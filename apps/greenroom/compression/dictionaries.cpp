// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "compression/dictionaries.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace greenroom {

namespace {

constexpr std::size_t max_prefixes = 64;
constexpr std::size_t max_prefix_bytes = 64;
constexpr std::size_t sample_bytes = 1 << 20;
constexpr std::size_t enough_samples = 2'000;
constexpr std::size_t longest_sample = 4 << 10;
constexpr std::uint32_t sampled_later = 64;
constexpr std::uint32_t failures_in_a_row = 32;
constexpr std::uint32_t skipped_then = 1'000;
// How long a prefix rests between two attempts to train it.
constexpr std::int64_t training_interval_ms = 600'000;

// 0xFF: there is no such database.
constexpr std::string_view stored_prefix{
    "\xFF"
    "dictionary:"};
constexpr char stored_layout = 1;

}  // namespace

struct Dictionaries::Prefix {
  explicit Prefix(std::string_view of) : text{of} {}

  bool wants_samples() {
    if (is_full.load(std::memory_order_relaxed)) return false;
    if (!current.load(std::memory_order_relaxed)) return true;
    return seen.fetch_add(1, std::memory_order_relaxed) % sampled_later == 0;
  }
  // True: it was the last that was needed.
  bool take_sample(std::string_view value) {
    const std::unique_lock guard{lock, std::try_to_lock};
    if (!guard) return false;  // a sample more or less
    samples.add(value.substr(0, longest_sample));
    if (samples.bytes.size() < sample_bytes && samples.sizes.size() < enough_samples) return false;
    return !is_full.exchange(true);
  }
  bool is_skipped() {
    if (to_skip.load(std::memory_order_relaxed) == 0) return false;
    to_skip.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  void note_failure() {
    if (failures.fetch_add(1, std::memory_order_relaxed) + 1 < failures_in_a_row) return;
    failures.store(0, std::memory_order_relaxed);
    to_skip.store(skipped_then, std::memory_order_relaxed);
  }
  void note_success() { failures.store(0, std::memory_order_relaxed); }

  const std::string text;
  std::atomic<const Dictionary*> current{nullptr};  // acquired: pairs with add()
  // Hints: relaxed, each on its own.
  std::atomic<bool> is_full{false};
  std::atomic<std::uint32_t> seen{0};
  std::atomic<std::int32_t> to_skip{0};
  std::atomic<std::uint32_t> failures{0};

  std::mutex lock;  // of what follows
  Samples samples;
  std::int64_t trained_at_ms = 0;
  std::vector<std::unique_ptr<const Dictionary>> all;  // in order of numbers
};

Dictionaries::Dictionaries() = default;
Dictionaries::~Dictionaries() = default;

std::string_view kind_of_key(std::string_view key) {
  const std::size_t colon = key.substr(0, max_prefix_bytes).find(':');
  return colon == std::string_view::npos ? std::string_view{} : key.substr(0, colon + 1);
}

// The last of a full set is the one for all others.
Dictionaries::Prefix* Dictionaries::find(std::string_view key) const {
  const Set* set = current_.load(std::memory_order_acquire);
  if (!set) return nullptr;
  const std::string_view kind = kind_of_key(key);
  for (Prefix* prefix : *set) {
    if (prefix->text == kind) return prefix;
  }
  return set->size() < max_prefixes ? nullptr : set->back();
}

Dictionaries::Prefix& Dictionaries::find_or_make(std::string_view text) {
  const std::lock_guard guard{lock_};
  const Set* before = current_.load(std::memory_order_relaxed);
  Set next = before ? *before : Set{};
  for (Prefix* prefix : next) {
    if (prefix->text == text) return *prefix;
  }
  if (next.size() >= max_prefixes) return *next.back();
  if (next.size() + 1 == max_prefixes) text = "*";
  next.push_back(prefixes_.emplace_back(std::make_unique<Prefix>(text)).get());
  current_.store(sets_.emplace_back(std::make_unique<const Set>(next)).get(),
                 std::memory_order_release);
  return *next.back();
}

const Dictionary* Dictionaries::compress(std::string_view key, std::string_view value,
                                         std::string& out) {
  if (value.size() < Dictionary::min_value_bytes || value.size() > Dictionary::max_value_bytes) {
    return nullptr;
  }
  Prefix* prefix = find(key);
  if (!prefix) prefix = &find_or_make(kind_of_key(key));
  if (prefix->wants_samples() && prefix->take_sample(value)) is_due_.store(true);
  const Dictionary* dictionary = prefix->current.load(std::memory_order_acquire);
  if (!dictionary || prefix->is_skipped()) return nullptr;
  if (!dictionary->compress(value, out)) {
    prefix->note_failure();
    return nullptr;
  }
  prefix->note_success();
  return dictionary;
}

bool Dictionaries::may_compress(std::string_view key) const {
  const Prefix* prefix = find(key);
  // Relaxed: whoever compresses looks again.
  return prefix && prefix->current.load(std::memory_order_relaxed) &&
         prefix->to_skip.load(std::memory_order_relaxed) <= 0;
}

const Dictionary* Dictionaries::numbered(std::uint32_t number) const {
  return number <= max_number ? numbered_[number].load(std::memory_order_acquire) : nullptr;
}

std::optional<Dictionaries::Training> Dictionaries::next_training(std::int64_t now_ms) {
  const Set* set = current_.load(std::memory_order_acquire);
  if (!set) return std::nullopt;
  for (Prefix* prefix : *set) {
    if (!prefix->is_full.load(std::memory_order_relaxed)) continue;
    const std::lock_guard guard{prefix->lock};
    if (prefix->trained_at_ms != 0 && now_ms - prefix->trained_at_ms < training_interval_ms)
      continue;
    prefix->trained_at_ms = now_ms;
    Training training{prefix->text, std::exchange(prefix->samples, {}),
                      prefix->current.load(std::memory_order_relaxed)};
    prefix->is_full.store(false, std::memory_order_relaxed);
    return training;
  }
  return std::nullopt;
}

bool Dictionaries::has_later_training() const {
  const Set* set = current_.load(std::memory_order_acquire);
  return set && std::ranges::any_of(*set, [](const Prefix* prefix) {
           return prefix->is_full.load(std::memory_order_relaxed);
         });
}

std::uint32_t Dictionaries::free_number() const {
  for (std::uint32_t number = 1; number <= max_number; ++number) {
    if (!numbered_[number].load(std::memory_order_relaxed)) return number;
  }
  return 0;
}

std::string Dictionaries::stored_key(std::uint32_t number) {
  return std::string{stored_prefix} + std::to_string(number);
}

bool Dictionaries::is_stored_key(std::string_view storage_key) {
  return storage_key.starts_with(stored_prefix);
}

// The layout's number, the length of the prefix, the prefix, the dictionary.
std::string Dictionaries::stored_value(std::string_view prefix, std::string_view bytes) {
  std::string value{stored_layout, static_cast<char>(prefix.size())};
  return value.append(prefix).append(bytes);
}

bool Dictionaries::add(std::string_view stored_key, std::string_view stored_value) {
  if (!is_stored_key(stored_key) || stored_value.size() < 2 || stored_value[0] != stored_layout) {
    return false;
  }
  const std::string_view digits = stored_key.substr(stored_prefix.size());
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc{} || end != digits.data() + digits.size() || number == 0 ||
      number > max_number) {
    return false;
  }
  const std::size_t prefix_bytes = static_cast<unsigned char>(stored_value[1]);
  if (prefix_bytes > stored_value.size() - 2) return false;
  const std::string_view bytes = stored_value.substr(2 + prefix_bytes);
  if (const Dictionary* known = numbered(number)) return known->bytes() == bytes;
  std::unique_ptr<const Dictionary> dictionary = Dictionary::load(number, bytes);
  if (!dictionary) return false;
  Prefix& prefix = find_or_make(stored_value.substr(2, prefix_bytes));
  const std::lock_guard guard{prefix.lock};
  numbered_[number].store(dictionary.get(), std::memory_order_release);
  prefix.all.push_back(std::move(dictionary));
  std::ranges::sort(prefix.all, {}, [](const auto& each) { return each->number(); });
  prefix.current.store(prefix.all.back().get(), std::memory_order_release);
  prefix.to_skip.store(0, std::memory_order_relaxed);
  return true;
}

}  // namespace greenroom
