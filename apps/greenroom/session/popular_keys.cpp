// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/popular_keys.hpp"

#include <algorithm>

namespace greenroom {

void PopularKeys::note(std::string_view key, std::uint64_t reads) {
  if (key.size() > max_key_bytes) return;
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found != entries_.end()) {
    found->count += reads;
  } else if (entries_.size() < max_kept) {
    entries_.push_back(Entry{std::string{key}, reads, 0});
  } else {
    Entry& least = *std::ranges::min_element(entries_, {}, &Entry::count);
    least = Entry{std::string{key}, least.count + reads, least.count};
  }
}

void PopularKeys::halve() {
  for (Entry& entry : entries_) {
    entry.count /= 2;
    entry.error /= 2;
  }
  std::erase_if(entries_, [](const Entry& entry) { return entry.count == 0; });
}

std::vector<PopularKeys::Entry> PopularKeys::top(std::size_t count) const {
  std::vector<Entry> sorted = entries_;
  std::erase_if(sorted, [](const Entry& entry) { return entry.count <= 2 * entry.error; });
  std::ranges::sort(sorted, [](const Entry& one, const Entry& other) {
    return one.count != other.count ? one.count > other.count : one.key < other.key;
  });
  if (sorted.size() > count) sorted.resize(count);
  return sorted;
}

}  // namespace greenroom
