// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>

#include <troupe/child_spec.hpp>

namespace troupe::detail {

// Why a supervisor of any kind refuses this specification; nullopt: it does not.
std::optional<ExitReason> refusal_of(const ChildSpec& spec);

// What whoever wrote the specification can change about a refusal, whichever supervisor it is of:
// OTP's terms name what is wrong, and not what would be right. Empty where there is no more to say.
std::string advice_on(const Term& refusal);

}  // namespace troupe::detail
