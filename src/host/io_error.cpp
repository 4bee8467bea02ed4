// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/io_error.hpp"

#include <cerrno>
#include <cstring>

namespace troupe {

std::string_view to_string(IoErrorKind kind) noexcept {
  switch (kind) {
    case IoErrorKind::would_block:
      return "would block";
    case IoErrorKind::refused:
      return "refused";
    case IoErrorKind::reset:
      return "reset";
    case IoErrorKind::closed:
      return "closed";
    case IoErrorKind::address_in_use:
      return "address in use";
    case IoErrorKind::not_permitted:
      return "not permitted";
    case IoErrorKind::unreachable:
      return "unreachable";
    case IoErrorKind::timed_out:
      return "timed out";
    case IoErrorKind::too_many_files:
      return "too many files";
    case IoErrorKind::bad_address:
      return "bad address";
    case IoErrorKind::other:
      break;
  }
  return "other";
}

std::string IoError::describe() const {
  std::string text{to_string(kind)};
  if (code == 0) return text;
  // The GNU calls that neither race nor depend on the locale.
  const char* name = ::strerrorname_np(code);
  const char* meaning = ::strerrordesc_np(code);
  text += " (";
  text += name != nullptr ? name : "errno " + std::to_string(code);
  if (meaning != nullptr) {
    text += ": ";
    text += meaning;
  }
  text += ')';
  return text;
}

IoError io_error_from_errno(int code) noexcept {
  using enum IoErrorKind;
  switch (code) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
    case EINPROGRESS:
    case EALREADY:
      return {would_block, code};
    case ECONNREFUSED:
      return {refused, code};
    case ECONNRESET:
    case ECONNABORTED:
      return {reset, code};
    case EBADF:
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
      return {closed, code};
    case EADDRINUSE:
      return {address_in_use, code};
    case EACCES:
    case EPERM:
      return {not_permitted, code};
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
      return {unreachable, code};
    case ETIMEDOUT:
      return {timed_out, code};
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
      return {too_many_files, code};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {bad_address, code};
    default:
      return {other, code};
  }
}

}  // namespace troupe
