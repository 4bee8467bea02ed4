// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/pubsub.hpp>

#include "otp/node_directory.hpp"
#include "otp/topic_table.hpp"

namespace troupe {
namespace detail {
namespace {

NodeDirectory<TopicTable>& buses() {
  // Never destroyed: buses of other threads' nodes may outlive main.
  static auto& directory = *new NodeDirectory<TopicTable>;
  return directory;
}

std::shared_ptr<TopicTable> table_of(Name bus) {
  std::shared_ptr<TopicTable> table = buses().find(bus.atom);
  if (!table) {
    throw ErrorException{
        tuple({atoms::badarg, tuple({Term{Atom{"unknown_bus"}}, Term{bus.atom}})})};
  }
  return table;
}

// The process of a bus: the only one that changes the table, and who notices the end of subscribers
// and of those who opened topics.
class TopicKeeper : public GenServer<TopicKeeper> {
 public:
  struct Subscribe {
    Pid pid;
    std::string pattern;
    SubscribeOptions options;
    using Reply = void;
  };
  struct Unsubscribe {
    Pid pid;
    std::string pattern;
    using Reply = bool;
  };
  struct Open {
    Pid pid;
    std::string topic;
    TopicOptions options;
    using Reply = bool;
  };
  struct Close {
    Pid pid;
    std::string topic;
    using Reply = bool;
  };

  TopicKeeper(Process& self, Atom name) : node_{self.pid().node()}, name_{name} {
    buses().put(node_, name_, table_);
  }
  TopicKeeper(const TopicKeeper&) = delete;
  ~TopicKeeper() { buses().remove(node_, name_, table_.get()); }

  void handle_call(Process& self, Subscribe m) {
    table_->subscribe(m.pattern, m.pid, m.options);
    client(self, m.pid).patterns.insert(m.pattern, true);
    for_topics_of(m.pattern, [](const std::string& name, OpenTopic& topic) {
      if (topic.subscriptions++ == 0 && topic.notify) {
        send_or_drop(topic.owner, SubscribersArrived{name});
      }
    });
  }
  bool handle_call(Process& self, Unsubscribe m) {
    Client* held = clients_.find(m.pid);
    if (!held || !held->patterns.erase(m.pattern)) return false;
    unsubscribe(m.pattern, m.pid);
    forget_if_idle(self, m.pid);
    return true;
  }
  bool handle_call(Process& self, Open m) {
    auto [topic, is_new] = topics_.try_emplace(m.topic);
    if (!is_new && topic.owner != m.pid) return false;
    topic.owner = m.pid;
    topic.notify = m.options.notify;
    topic.subscriptions = table_->subscriber_count(m.topic);
    table_->keep(m.topic, m.options.replay);
    client(self, m.pid).topics.insert(m.topic, true);
    if (topic.notify && topic.subscriptions > 0) send_or_drop(m.pid, SubscribersArrived{m.topic});
    return true;
  }
  bool handle_call(Process& self, Close m) {
    Client* held = clients_.find(m.pid);
    if (!held || !held->topics.erase(m.topic)) return false;
    close(m.topic);
    forget_if_idle(self, m.pid);
    return true;
  }

  void handle_info(Down down) {
    const std::optional<Client> gone = clients_.take(down.pid);
    if (!gone) return;
    for (auto [topic, is_open] : gone->topics) close(topic);
    for (auto [pattern, is_subscribed] : gone->patterns) unsubscribe(pattern, down.pid);
  }

  Term introspect() const {
    return map({{Term{Atom{"bus"}}, name_},
                {Term{Atom{"clients"}}, clients_.size()},
                {Term{Atom{"open_topics"}}, topics_.size()},
                {Term{Atom{"patterns"}}, table_->patterns().size()}});
  }

 private:
  // Somebody with a subscription or an open topic; monitored once.
  struct Client {
    Ref monitor;
    FlatMap<std::string, bool> patterns;
    FlatMap<std::string, bool> topics;
  };
  struct OpenTopic {
    Pid owner;
    std::size_t subscriptions = 0;
    bool notify = false;
  };

  Client& client(Process& self, Pid pid) {
    auto [held, is_new] = clients_.try_emplace(pid);
    if (is_new) held.monitor = self.monitor(pid);
    return held;
  }
  void forget_if_idle(Process& self, Pid pid) {
    const Client* held = clients_.find(pid);
    if (!held->patterns.empty() || !held->topics.empty()) return;
    self.demonitor(held->monitor, Flush::yes);
    clients_.erase(pid);
  }
  void unsubscribe(const std::string& pattern, Pid pid) {
    const std::uint32_t removed = table_->unsubscribe(pattern, pid);
    for_topics_of(pattern, [removed](const std::string& name, OpenTopic& topic) {
      topic.subscriptions -= removed;
      if (topic.subscriptions == 0 && topic.notify)
        send_or_drop(topic.owner, SubscribersGone{name});
    });
  }
  void close(const std::string& topic) {
    topics_.erase(topic);
    table_->forget(topic);
  }
  // The open topics that a pattern reaches.
  template <class Visit>
  void for_topics_of(const std::string& pattern, const Visit& visit) {
    if (pattern.find('*') == std::string::npos) {
      if (OpenTopic* topic = topics_.find(pattern)) visit(pattern, *topic);
      return;
    }
    for (auto [name, topic] : topics_) {
      if (TopicTable::matches(pattern, name)) visit(name, topic);
    }
  }

  std::uint32_t node_;
  Atom name_;
  std::shared_ptr<TopicTable> table_ = std::make_shared<TopicTable>();
  FlatMap<Pid, Client> clients_;
  FlatMap<std::string, OpenTopic> topics_;
};

template <class M>
auto ask(Process& self, Name bus, M message) {
  return call(self, named<TopicKeeper>(bus), std::move(message), infinity);
}

}  // namespace

std::size_t publish(Name bus, std::string_view topic, const void* message, const EventType& type,
                    Pid except) {
  return table_of(bus)->publish(topic, message, type, except);
}

}  // namespace detail

using detail::TopicKeeper;
using detail::TopicTable;

Async<Pid> PubSub::start_link(Process& self, Name bus) {
  const detail::CallerPlace place{self};
  const StartOptions options{.name = bus};
  co_return (co_await place(TopicKeeper::start_link(self, options, bus.atom))).pid();
}

ChildSpec PubSub::spec(Name bus) { return child<TopicKeeper>(bus.atom).named(bus); }

Async<> PubSub::subscribe(Process& self, Name bus, std::string pattern, SubscribeOptions options) {
  const detail::CallerPlace place{self};
  TopicTable::check(pattern, TopicTable::May::be_pattern);
  co_await place(
      detail::ask(self, bus, TopicKeeper::Subscribe{self.pid(), std::move(pattern), options}));
}
Async<bool> PubSub::unsubscribe(Process& self, Name bus, std::string pattern) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      detail::ask(self, bus, TopicKeeper::Unsubscribe{self.pid(), std::move(pattern)}));
}
Async<bool> PubSub::open(Process& self, Name bus, std::string topic, TopicOptions options) {
  const detail::CallerPlace place{self};
  TopicTable::check(topic, TopicTable::May::be_topic);
  co_return co_await place(
      detail::ask(self, bus, TopicKeeper::Open{self.pid(), std::move(topic), options}));
}
Async<bool> PubSub::close(Process& self, Name bus, std::string topic) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      detail::ask(self, bus, TopicKeeper::Close{self.pid(), std::move(topic)}));
}

std::size_t PubSub::subscriber_count(Name bus, std::string_view topic) {
  return detail::table_of(bus)->subscriber_count(topic);
}
std::vector<std::string> PubSub::patterns(Name bus) { return detail::table_of(bus)->patterns(); }

}  // namespace troupe
