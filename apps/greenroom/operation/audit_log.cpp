// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "operation/audit_log.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <troupe/log.hpp>

#include "operation/log_lines.hpp"
#include "text/utc_time.hpp"

namespace greenroom {

std::expected<void, std::string> AuditLog::open(const std::string& file) {
  std::unique_ptr<std::FILE, CloseFile> opened;
  if (!file.empty()) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor >= 0) opened.reset(fdopen(descriptor, "a"));
    if (!opened) {
      const std::string why = std::strerror(errno);
      if (descriptor >= 0) ::close(descriptor);
      return std::unexpected("the audit file " + file + ": " + why);
    }
  }
  const std::lock_guard guard{lock_};
  file_ = std::move(opened);
  return {};
}

void AuditLog::write(const Audit& audit) {
  const std::string id = audit.id.empty() ? std::string{} : hash_(audit.id);
  const std::lock_guard guard{lock_};
  if (!file_) {
    troupe::log::notice("audit: {} who={} from={} id={} {}", audit.act, audit.who, audit.from, id,
                        audit.note);
    return;
  }
  const std::int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  std::string line = R"({"time":")" + time_text(now_ms) + R"(","act":)" + json_string(audit.act);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) line += "," + json_string(name) + ":" + json_string(value);
  };
  add("who", audit.who);
  add("from", audit.from);
  add("id", id);
  add("note", audit.note);
  line += "}\n";
  std::fwrite(line.data(), 1, line.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace greenroom
