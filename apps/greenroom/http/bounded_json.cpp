// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/bounded_json.hpp"

namespace greenroom {

using Json = nlohmann::json;

Json parse_json(std::string_view text) {
  bool is_too_deep = false;
  // What is refused here is not built, so that a hostile text costs no memory either.
  const auto is_shallow = [&](int depth, Json::parse_event_t, Json&) {
    is_too_deep |= depth > max_json_depth;
    return !is_too_deep;
  };
  Json parsed = Json::parse(text, is_shallow, false);
  return is_too_deep ? Json(Json::value_t::discarded) : parsed;
}

}  // namespace greenroom
