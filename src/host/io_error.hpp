// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

// What a caller may want to decide by when an operation on the host did not succeed.
enum class IoErrorKind : std::uint8_t {
  would_block,     // nothing to do now: watch the socket, or try again when something changed
  refused,         // connect: nobody listens there
  reset,           // the peer aborted the connection; what was in flight is lost
  closed,          // the id is closed or was never open, or the stream's write side is shut down
  address_in_use,  // listen: somebody has the port; connect: no local port is free
  not_permitted,   // the operating system's policy forbids it (low port, firewall, seccomp)
  unreachable,     // no route, or the network or the host behind it is down
  timed_out,       // the peer does not answer, or the name server did not
  too_many_files,  // descriptors, socket slots or kernel memory are used up: pause, do not retry
  bad_address,  // not a numeric address nor localhost, an unknown name, or not an address of ours
  other,        // everything else: see code
};

// A planned failure of the host. `code` is the errno it came from, for reports; 0 where the failure
// was found without asking the kernel. Decide by `kind` only: the simulated host has no errno.
struct IoError {
  IoErrorKind kind = IoErrorKind::other;
  int code = 0;

  // "address in use (EADDRINUSE: Address already in use)"; without a code only the first part.
  std::string describe() const;

  friend constexpr bool operator==(const IoError&, const IoError&) noexcept = default;
};

// The kind's name with spaces, as describe() begins.
std::string_view to_string(IoErrorKind kind) noexcept;

// Maps an errno of a socket call. Calls that give an errno a meaning of its own map it themselves.
IoError io_error_from_errno(int code) noexcept;

}  // namespace troupe
