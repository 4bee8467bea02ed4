// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/detail/take.hpp>
#include <troupe/message.hpp>

namespace troupe::detail {

// An envelope that somebody still has to send or to free.
class OwnedEnvelope {
 public:
  explicit OwnedEnvelope(Envelope* envelope) noexcept : envelope_{envelope} {}
  OwnedEnvelope(OwnedEnvelope&& other) noexcept : envelope_{take(other.envelope_)} {}
  OwnedEnvelope& operator=(OwnedEnvelope&& other) noexcept {
    Envelope* const before = envelope_;
    envelope_ = other.envelope_;
    other.envelope_ = before;
    return *this;
  }
  ~OwnedEnvelope() {
    if (envelope_) free_envelope(envelope_);
  }
  Envelope* get() const noexcept { return envelope_; }
  Envelope* release() noexcept { return take(envelope_); }

 private:
  Envelope* envelope_;
};

}  // namespace troupe::detail
