// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resp/server_facts.hpp"

namespace greenroom {

// One line of a search's answer. No id, no payload.
struct FoundRow {
  std::string hash;
  unsigned database = 0;
  std::string type;
  std::int64_t size = 0;     // bytes of a string, else members
  std::int64_t ttl_ms = -1;  // -1: for ever
  std::int64_t idle_s = 0;
};

struct AdminView {
  ServerFacts facts;
  std::string csrf;
  std::string durability;
  std::string notice;  // of what was just done; empty: nothing
  bool has_searched = false;
  bool has_more = false;
  std::vector<FoundRow> rows;
};

std::string login_html(std::string_view problem);
std::string admin_html(const AdminView& view);
std::string_view admin_css();

}  // namespace greenroom
