// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/channels.hpp"

#include <mutex>
#include <utility>

#include "resp/error_text.hpp"
#include "resp/glob.hpp"

namespace greenroom {

void Publication::write(std::string& out, RespVersion version) const {
  ReplyWriter reply{out, version};
  reply.push(by_pattern ? 4 : 3);
  reply.bulk(by_pattern ? "pmessage" : "message");
  if (by_pattern) reply.bulk(pattern);
  reply.bulk(*channel);
  reply.bulk(*payload);
}

void Channels::add(Topics& topics, std::string_view name, std::uint64_t client,
                   std::shared_ptr<SubscriberEnd> end) {
  const std::lock_guard guard{lock_};
  auto found = topics.find(name);
  if (found == topics.end()) found = topics.emplace(std::string{name}, Ends{}).first;
  if (found->second.emplace(client, std::move(end)).second)
    listeners_.fetch_add(1, std::memory_order_relaxed);
}

void Channels::remove(Topics& topics, std::string_view name, std::uint64_t client) {
  const std::lock_guard guard{lock_};
  const auto found = topics.find(name);
  if (found == topics.end() || found->second.erase(client) == 0) return;
  listeners_.fetch_sub(1, std::memory_order_relaxed);
  if (found->second.empty()) topics.erase(found);
}

void Channels::subscribe(std::string_view channel, std::uint64_t client,
                         std::shared_ptr<SubscriberEnd> end) {
  add(channels_, channel, client, std::move(end));
}

void Channels::unsubscribe(std::string_view channel, std::uint64_t client) {
  remove(channels_, channel, client);
}

void Channels::subscribe_pattern(std::string_view pattern, std::uint64_t client,
                                 std::shared_ptr<SubscriberEnd> end) {
  add(patterns_, pattern, client, std::move(end));
}

void Channels::unsubscribe_pattern(std::string_view pattern, std::uint64_t client) {
  remove(patterns_, pattern, client);
}

std::size_t Channels::publish(std::string_view channel, std::string_view payload) const {
  if (is_quiet()) return 0;
  const auto name = std::make_shared<const std::string>(channel);
  const auto text = std::make_shared<const std::string>(payload);
  std::size_t count = 0;
  const std::shared_lock guard{lock_};
  if (const auto found = channels_.find(channel); found != channels_.end()) {
    for (const auto& [client, end] : found->second) end->deliver({name, text, {}, false});
    count += found->second.size();
  }
  for (const auto& [pattern, ends] : patterns_) {
    if (!glob_match(pattern, channel)) continue;
    for (const auto& [client, end] : ends) end->deliver({name, text, pattern, true});
    count += ends.size();
  }
  return count;
}

std::vector<std::string> Channels::channels(std::string_view pattern) const {
  const std::shared_lock guard{lock_};
  std::vector<std::string> names;
  for (const auto& [name, ends] : channels_)
    if (glob_match(pattern, name)) names.push_back(name);
  return names;
}

std::size_t Channels::subscribers(std::string_view channel) const {
  const std::shared_lock guard{lock_};
  const auto found = channels_.find(channel);
  return found == channels_.end() ? 0 : found->second.size();
}

std::size_t Channels::patterns() const {
  const std::shared_lock guard{lock_};
  return patterns_.size();
}

std::size_t Channels::channel_count() const {
  const std::shared_lock guard{lock_};
  return channels_.size();
}

void Subscriptions::clear() {
  for (const std::string& name : names_) channels_.unsubscribe(name, client_);
  for (const std::string& pattern : patterns_) channels_.unsubscribe_pattern(pattern, client_);
  names_.clear();
  patterns_.clear();
}

void Subscriptions::subscribe(const CommandSpec& command, Words words, ReplyWriter& reply) {
  if (count() + words.size() - 1 > max_names)
    return reply.error("ERR too many subscriptions for one connection");
  const bool by_pattern = command.id == CommandId::psubscribe;
  for (std::string_view name : words.subspan(1)) {
    if (by_pattern) {
      patterns_.emplace(name);
      channels_.subscribe_pattern(name, client_, end_);
    } else {
      names_.emplace(name);
      channels_.subscribe(name, client_, end_);
    }
    reply.push(3);
    reply.bulk(command.name);
    reply.bulk(name);
    reply.integer(static_cast<std::int64_t>(count()));
  }
}

void Subscriptions::unsubscribe_one(const CommandSpec& command, std::string_view name,
                                    ReplyWriter& reply) {
  const bool by_pattern = command.id == CommandId::punsubscribe;
  Channels::Names& mine = by_pattern ? patterns_ : names_;
  if (const auto found = mine.find(name); found != mine.end()) {
    if (by_pattern) {
      channels_.unsubscribe_pattern(name, client_);
    } else {
      channels_.unsubscribe(name, client_);
    }
    mine.erase(found);
  }
  reply.push(3);
  reply.bulk(command.name);
  reply.bulk(name);
  reply.integer(static_cast<std::int64_t>(count()));
}

void Subscriptions::unsubscribe(const CommandSpec& command, Words words, ReplyWriter& reply) {
  for (std::string_view name : words.subspan(1)) unsubscribe_one(command, name, reply);
  if (words.size() > 1) return;
  const Channels::Names all = command.id == CommandId::punsubscribe ? patterns_ : names_;
  for (const std::string& name : all) unsubscribe_one(command, name, reply);
  if (!all.empty()) return;
  // To nothing at all is still one answer.
  reply.push(3);
  reply.bulk(command.name);
  reply.null();
  reply.integer(static_cast<std::int64_t>(count()));
}

void Subscriptions::answer(const CommandSpec& command, Words words, ReplyWriter& reply) {
  switch (command.id) {
    case CommandId::subscribe:
    case CommandId::psubscribe:
      return subscribe(command, words, reply);
    case CommandId::unsubscribe:
    case CommandId::punsubscribe:
      return unsubscribe(command, words, reply);
    case CommandId::publish:
      return reply.integer(static_cast<std::int64_t>(channels_.publish(words[1], words[2])));
    case CommandId::pubsub_numpat:
      return reply.integer(static_cast<std::int64_t>(channels_.patterns()));
    case CommandId::pubsub_numsub:
      reply.array(2 * (words.size() - 2));
      for (std::string_view name : words.subspan(2)) {
        reply.bulk(name);
        reply.integer(static_cast<std::int64_t>(channels_.subscribers(name)));
      }
      return;
    default: {
      if (words.size() > 3) return reply.error(error_text::wrong_subcommand(words[1], "PUBSUB"));
      const auto names = channels_.channels(words.size() == 3 ? words[2] : "*");
      reply.array(names.size());
      for (const std::string& name : names) reply.bulk(name);
    }
  }
}

}  // namespace greenroom
