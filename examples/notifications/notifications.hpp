// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The notification system: a router in front of preferences, templates and a rate limiter; channels
// with retries; a tracker. Four supervisors: what belongs together fails together, and a channel
// that crashes stops no tracking. The course's tracker keeps one status for all channels of a
// notification, and its limiter counts what was refused later; these do not.
#pragma once

#include "delivery.hpp"

namespace notifications {

struct Router : GenServer<Router> {
  struct Send {
    std::string id, user, template_id;
    Fields fields;
    std::vector<Channel> channels = {};  // none: as the user prefers
    using Reply = std::expected<std::vector<Channel>, Atom>;
  };
  Async<Send::Reply> handle_call(Process& self, Send m) {
    const auto text = co_await call(self, named<Templates>("templates"),
                                    Templates::Render{m.template_id, m.fields});
    if (!text) co_return std::unexpected{Atom{"no_such_template"}};
    if (!co_await call(self, named<RateLimiter>("rate_limiter"), RateLimiter::Check{m.user})) {
      co_return std::unexpected{Atom{"rate_limited"}};
    }
    if (m.channels.empty()) {
      m.channels =
          co_await call(self, named<Preferences>("preferences"), Preferences::GetChannels{m.user});
    }
    for (const Channel channel : m.channels) {
      cast(tracker(), Tracker::Record{m.id, channel, Status::pending});
      cast(named<ChannelServer>(channel_name(channel)),
           ChannelServer::Deliver{m.id, m.user, *text});
    }
    co_return std::move(m.channels);
  }
};

// `transport`: the name of the process that each channel hands its texts to.
inline auto start(Process& self, Name transport) {
  const auto channel = [&](Channel which) {
    return child<ChannelServer>(which, transport).named(channel_name(which));
  };
  return Supervisor::start_link(
      self,
      children(supervisor("tracking", children(child<Tracker>().named("tracker"))),
               supervisor("channels", children(channel(Channel::email), channel(Channel::sms),
                                               channel(Channel::push))),
               supervisor("core", children(child<Preferences>().named("preferences"),
                                           child<Templates>().named("templates"),
                                           child<RateLimiter>().named("rate_limiter"),
                                           child<Router>().named("router")))),
      {.strategy = one_for_one, .name = "notification_system"});
}
inline auto notify(Process& self, Router::Send notification) {
  return call(self, named<Router>("router"), std::move(notification));
}

}  // namespace notifications

template <>
inline constexpr bool troupe::enable_message<troupe::Name> = true;
