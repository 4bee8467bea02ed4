// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <utility>

#include <troupe/message.hpp>

namespace troupe::detail {

// An envelope that somebody still has to send or to free.
class OwnedEnvelope {
 public:
  explicit OwnedEnvelope(Envelope* envelope) noexcept : envelope_{envelope} {}
  OwnedEnvelope(OwnedEnvelope&& other) noexcept
      : envelope_{std::exchange(other.envelope_, nullptr)} {}
  OwnedEnvelope& operator=(OwnedEnvelope&& other) noexcept {
    std::swap(envelope_, other.envelope_);
    return *this;
  }
  ~OwnedEnvelope() {
    if (envelope_) free_envelope(envelope_);
  }
  Envelope* get() const noexcept { return envelope_; }
  Envelope* release() noexcept { return std::exchange(envelope_, nullptr); }

 private:
  Envelope* envelope_;
};

}  // namespace troupe::detail
