// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Services of which there is exactly one, each under a name that survives its restarts. The
// course's singletons have no supervisor, so that one crash takes the service away for good.
#pragma once

#include <map>
#include <string>

#include "config.hpp"
#include "metrics.hpp"

namespace singletons {

using Settings = std::map<std::string, std::string>;

inline auto start(Process& self, Settings settings) {
  return Supervisor::start_link(self, children(child<Metrics>().named("metrics"),
                                               child<Config>(std::move(settings)).named("config")));
}
inline auto metrics() { return named<Metrics>("metrics"); }
inline auto config() { return named<Config>("config"); }

}  // namespace singletons
