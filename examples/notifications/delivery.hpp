// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Channels, each with a transport, and the tracker they report to. A delivery that fails is tried
// again, three times in all; its state goes from pending to sent to delivered, or to failed. The
// transport is a process: an SMTP or SMS gateway, or a person's terminal.
#pragma once

#include "services.hpp"

namespace notifications {

enum class Status { pending, sent, delivered, failed };
inline const char* name_of(Status status) {
  constexpr const char* names[]{"pending", "sent", "delivered", "failed"};
  return names[static_cast<int>(status)];
}

struct Tracker : GenServer<Tracker> {
  struct Record {
    std::string id;
    Channel channel;
    Status status;
  };
  struct GetStatus {
    std::string id;
    Channel channel;
    using Reply = std::optional<Status>;
  };
  struct History {
    std::string id;
    Channel channel;
    using Reply = std::vector<Status>;
  };
  void handle_cast(Record m) { records_[{m.id, m.channel}].push_back(m.status); }
  std::optional<Status> handle_call(GetStatus m) {
    const auto at = records_.find({m.id, m.channel});
    return at == records_.end() ? std::optional<Status>{} : at->second.back();
  }
  std::vector<Status> handle_call(History m) { return records_[{m.id, m.channel}]; }

 private:
  std::map<std::pair<std::string, Channel>, std::vector<Status>> records_;
};
inline auto tracker() { return named<Tracker>("tracker"); }

// What a transport is asked, as a call by pid: whether it has taken the text.
struct Transmit {
  std::string user, text;
  using Reply = bool;
};

struct ChannelServer : GenServer<ChannelServer> {
  struct Deliver {
    std::string id, user, text;
    int tries = 0;
  };
  using Messages = troupe::Messages<Deliver>;
  static constexpr int max_tries = 3;

  ChannelServer(Channel channel, Name transport) : channel_{channel}, transport_{transport} {}
  Async<> handle_cast(Process& self, Deliver m) {
    if (m.tries == 0) note(m.id, Status::sent);
    const auto taken = co_await try_call(self, transport_, Transmit{m.user, m.text}, 2s);
    if (taken && *taken) {
      note(m.id, Status::delivered);
    } else if (++m.tries < max_tries) {
      const Duration pause = m.tries * 1s;
      send_after(self.pid(), pause, Again{std::move(m)});
    } else {
      note(m.id, Status::failed);
    }
  }
  struct Again {
    Deliver delivery;
  };
  using Info = troupe::Messages<Again>;
  void handle_info(Process& self, Again m) {
    cast(ServerRef<ChannelServer>{self.pid()}, std::move(m.delivery));
  }

 private:
  void note(const std::string& id, Status status) {
    cast(tracker(), Tracker::Record{id, channel_, status});
  }
  Channel channel_;
  Name transport_;
};

inline std::string channel_name(Channel channel) {
  return std::string{"channel_"} + name_of(channel);
}

}  // namespace notifications
