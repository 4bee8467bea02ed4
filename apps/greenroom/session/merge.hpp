// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "session/json_object.hpp"
#include "session/key_state.hpp"

namespace greenroom {

// Merging of saves, so that requests of one session that run at the same time do not lose each
// other's changes.
//
// What a client reads carries a version in a hidden member, `__greenroom`, which frameworks save
// along with the rest. The version is a hash of the value, so it needs no counter, means the same
// after a restart, and a value that was changed there and back is the same again. When a save comes
// with a version that is not the present one, each member is decided by itself: what the client has
// not changed since it read stays as it is now; what it added, changed or deleted becomes so. If
// both sides changed a member the save wins, and the conflict is counted. Members are compared as
// they are written.
//
// What a version looked like is kept for the last few saves (KeyExtra::max_bases). Of one older
// than that only the members are merged: nothing that is there now is deleted.
struct MergedValue {
  std::string value;  // To be stored; without the version.
  bool was_merged = false;
  bool had_conflict = false;
};

// Nothing if the save is no JSON object, or carries no version: it is stored as it is.
std::optional<MergedValue> merge_json(std::string_view present,
                                      std::span<const KeyExtra::Base> bases, std::string_view save);

// A value as it has to be remembered to be a base later. Anything that is no JSON object has a
// version, and no members.
KeyExtra::Base base_of(std::string_view value);

}  // namespace greenroom
