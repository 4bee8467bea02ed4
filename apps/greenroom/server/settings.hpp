// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "resp/server_facts.hpp"
#include "server/server.hpp"

namespace greenroom {

// CONFIG SET prefix:sess: "tombstone=60s merge=json": the rule of all keys that begin with "sess:";
// see session/prefix_rules.hpp for the words.
inline constexpr std::string_view prefix_setting = "prefix:";

// The settings of a server that CONFIG SET can change while it runs. An empty refusal: there is no
// such setting, or it is fixed when the server starts.
class ServerSettings final : public SettingChanges {
 public:
  explicit ServerSettings(Server& server) : server_{server} {}
  std::optional<std::string> change(std::string_view name, std::string_view value,
                                    Mode mode) override;

 private:
  Server& server_;
};

}  // namespace greenroom
