// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/topic_table.hpp"

#include <algorithm>

namespace troupe::detail {
namespace {

bool is_separator(char c) noexcept { return c == '.' || c == ':' || c == '/'; }

// The first segment with the separator before it, taken off `rest`.
std::string_view take_segment(std::string_view& rest) noexcept {
  std::size_t end = rest.empty() || !is_separator(rest[0]) ? 0 : 1;
  while (end < rest.size() && !is_separator(rest[end])) ++end;
  const std::string_view segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return segment;
}

bool is_star(std::string_view segment) noexcept {
  return segment == "*" || (segment.size() == 2 && is_separator(segment[0]) && segment[1] == '*');
}

// The segment's separator and a `*`, to look up what stands for any segment here.
struct Star {
  explicit Star(std::string_view segment) noexcept {
    if (is_separator(segment[0])) text[size++] = segment[0];
    text[size++] = '*';
  }
  std::string_view view() const noexcept { return {text, size}; }
  char text[2] = {};
  std::size_t size = 0;
};

// Calls visit(subscribers) for every set that a topic reaches.
template <class Node, class Visit>
void reach(const Node& node, std::string_view topic, const Visit& visit) {
  if (topic.empty()) {
    visit(node.here);
    return;
  }
  std::string_view rest = topic;
  const std::string_view segment = take_segment(rest);
  if (const auto* next = node.next.find(segment)) reach(**next, rest, visit);
  if (const auto* any = node.next.find(Star{segment}.view())) {
    visit((*any)->rest);
    // A star at the end has no `here`: with nothing left there is nothing more to find.
    if (!rest.empty()) reach(**any, rest, visit);
  }
}

}  // namespace

void TopicTable::check(std::string_view text, May what) {
  const char* problem = nullptr;
  std::size_t segments = 0;
  if (text.empty()) problem = "empty_topic";
  if (text.size() > PubSub::max_topic_length) problem = "topic_too_long";
  for (std::string_view rest = text; !problem && !rest.empty();) {
    const std::string_view segment = take_segment(rest);
    if (++segments > PubSub::max_topic_segments) problem = "too_many_topic_segments";
    if (what == May::be_topic && is_star(segment)) problem = "topic_is_a_pattern";
  }
  if (!problem) return;
  throw ErrorException{
      tuple({atoms::badarg, tuple({Term{Atom{problem}}, Term::binary(text.substr(0, 100))})})};
}

bool TopicTable::matches(std::string_view pattern, std::string_view topic) {
  while (!pattern.empty() && !topic.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view segment = take_segment(topic);
    if (is_star(wanted)) {
      if (Star{segment}.view() != wanted) return false;
      if (pattern.empty()) return true;
    } else if (wanted != segment) {
      return false;
    }
  }
  return pattern.empty() && topic.empty();
}

std::size_t TopicTable::publish(std::string_view topic, const void* message, const EventType& type,
                                Pid except) const {
  check(topic, May::be_topic);
  std::size_t sent = 0;
  const auto guard = lock_to_read();
  std::unique_lock<std::mutex> in_order;
  if (const auto* kept = kept_.find(topic)) {
    KeptTopic& all = **kept;
    in_order = std::unique_lock{all.lock};
    all.last.push_back({type.keep(message), &type});
    if (all.last.size() > all.limit) all.last.pop_front();
  }
  reach(root_, topic, [&](const Subscribers& subscribers) {
    for (auto [pid, subscription] : subscribers) {
      if (pid == except) continue;
      for (std::uint32_t i = 0; i < subscription.plain; ++i) deliver(pid, type.plain(message));
      for (std::uint32_t i = 0; i < subscription.with_topic; ++i) {
        deliver(pid, type.with_topic(topic, message));
      }
      sent += subscription.total();
    }
  });
  return sent;
}

std::size_t TopicTable::subscriber_count(std::string_view topic) const {
  check(topic, May::be_topic);
  std::size_t count = 0;
  const auto guard = lock_to_read();
  reach(root_, topic, [&](const Subscribers& subscribers) {
    for (auto [pid, subscription] : subscribers) count += subscription.total();
  });
  return count;
}

void TopicTable::subscribe(std::string_view pattern, Pid pid, SubscribeOptions options) {
  const auto guard = lock_to_write();
  if (options.replay) {
    for (auto [topic, kept] : kept_) {
      if (!matches(pattern, topic)) continue;
      for (const KeptMessage& old : kept->last) {
        deliver(pid, options.with_topic ? old.type->with_topic(topic, old.message.get())
                                        : old.type->plain(old.message.get()));
      }
    }
  }
  Node* node = &root_;
  bool is_rest = false;
  for (std::string_view rest = pattern; !rest.empty();) {
    const std::string_view segment = take_segment(rest);
    is_rest = rest.empty() && is_star(segment);
    auto& next = node->next.try_emplace(std::string{segment}).value;
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  Subscription& subscription = (is_rest ? node->rest : node->here)[Pid{pid}];
  ++(options.with_topic ? subscription.with_topic : subscription.plain);
}

std::uint32_t TopicTable::unsubscribe(std::string_view pattern, Pid pid) {
  const auto guard = lock_to_write();
  return remove(root_, pattern, pid);
}

// Removes the nodes that are of no use any more on its way back.
std::uint32_t TopicTable::remove(Node& node, std::string_view pattern, Pid pid) {
  const std::string_view segment = take_segment(pattern);
  auto* next = node.next.find(segment);
  if (!next) return 0;
  std::uint32_t removed = 0;
  if (pattern.empty()) {
    Subscribers& subscribers = is_star(segment) ? (*next)->rest : (*next)->here;
    removed = subscribers.take(pid).value_or(Subscription{}).total();
  } else {
    removed = remove(**next, pattern, pid);
  }
  if ((*next)->is_empty()) node.next.erase(segment);
  return removed;
}

std::vector<std::string> TopicTable::patterns() const {
  std::vector<std::string> all;
  std::string path;
  const auto guard = lock_to_read();
  list(root_, path, all);
  return all;
}

void TopicTable::list(const Node& node, std::string& path, std::vector<std::string>& patterns) {
  if (!node.here.empty() || !node.rest.empty()) patterns.push_back(path);
  for (auto [segment, next] : node.next) {
    const std::size_t length = path.size();
    path += segment;
    list(*next, path, patterns);
    path.resize(length);
  }
}

void TopicTable::keep(std::string_view topic, std::size_t replay) {
  const auto guard = lock_to_write();
  if (replay == 0) {
    kept_.erase(topic);
    return;
  }
  auto& kept = kept_.try_emplace(std::string{topic}).value;
  if (!kept) kept = std::make_unique<KeptTopic>();
  kept->limit = replay;
  while (kept->last.size() > replay) kept->last.pop_front();
}

void TopicTable::forget(std::string_view topic) {
  const auto guard = lock_to_write();
  kept_.erase(topic);
}

}  // namespace troupe::detail
