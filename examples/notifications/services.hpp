// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The services the router asks: preferences, templates, and a limit of ten notifications an hour
// for each user.
#pragma once

#include <deque>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace notifications {

enum class Channel { email, sms, push };
inline const char* name_of(Channel channel) {
  constexpr const char* names[]{"email", "sms", "push"};
  return names[static_cast<int>(channel)];
}
using Fields = std::map<std::string, std::string>;

struct Preferences : GenServer<Preferences> {
  struct SetChannels {
    std::string user;
    std::vector<Channel> channels;
    using Reply = void;
  };
  struct GetChannels {
    std::string user;
    using Reply = std::vector<Channel>;
  };
  void handle_call(SetChannels m) { channels_[m.user] = std::move(m.channels); }
  std::vector<Channel> handle_call(GetChannels m) {
    const auto at = channels_.find(m.user);
    return at == channels_.end() ? std::vector{Channel::email} : at->second;
  }

 private:
  std::map<std::string, std::vector<Channel>> channels_;
};

struct Templates : GenServer<Templates> {
  struct Define {
    std::string id, text;  // "Hello {{name}}"
    using Reply = void;
  };
  // Nothing: there is no such template. A field that is not given stays empty.
  struct Render {
    std::string id;
    Fields fields;
    using Reply = std::optional<std::string>;
  };
  void handle_call(Define m) { templates_[m.id] = std::move(m.text); }
  std::optional<std::string> handle_call(Render m) {
    const auto at = templates_.find(m.id);
    if (at == templates_.end()) return std::nullopt;
    std::string rendered;
    std::string_view rest = at->second;
    for (std::size_t open; (open = rest.find("{{")) != rest.npos;) {
      const std::size_t close = rest.find("}}", open);
      if (close == rest.npos) break;
      rendered += rest.substr(0, open);
      rendered += m.fields[std::string{rest.substr(open + 2, close - open - 2)}];
      rest.remove_prefix(close + 2);
    }
    return rendered + std::string{rest};
  }

 private:
  std::map<std::string, std::string> templates_;
};

struct RateLimiter : GenServer<RateLimiter> {
  struct Check {
    std::string user;
    using Reply = bool;
  };
  static constexpr std::size_t limit = 10;
  static constexpr Duration window = 1h;
  bool handle_call(Process& self, Check m) {
    auto& times = times_[m.user];
    const Duration now = self.monotonic_time();
    while (!times.empty() && now - times.front() >= window) times.pop_front();
    if (times.size() >= limit) return false;
    times.push_back(now);
    return true;
  }

 private:
  std::map<std::string, std::deque<Duration>> times_;
};

}  // namespace notifications
