// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include <troupe/log.hpp>

namespace troupe::test {

// While it lives, log lines are kept here instead of going to stderr: `level text key=value ...`.
class CapturedLog {
 public:
  CapturedLog() { log::set_sink(&take, this); }
  ~CapturedLog() { log::set_sink(nullptr, nullptr); }
  CapturedLog(const CapturedLog&) = delete;

  std::vector<std::string> lines() const {
    const std::lock_guard guard{lock_};
    return lines_;
  }
  // How many lines have all of these parts.
  template <class... Text>
  int count(const Text&... parts) const {
    int found = 0;
    for (const std::string& line : lines()) {
      found += ((line.find(parts) != std::string::npos) && ...);
    }
    return found;
  }
  void clear() {
    const std::lock_guard guard{lock_};
    lines_.clear();
  }

 private:
  static void take(void* context, const log::Record& record) {
    constexpr const char* names[] = {"debug", "info", "notice", "warning", "error"};
    std::string line = names[static_cast<int>(record.level)];
    line.append(" ").append(record.text);
    for (const log::Field& field : record.fields) {
      line.append(" ").append(field.key).append("=").append(field.value.text());
    }
    auto& log = *static_cast<CapturedLog*>(context);
    const std::lock_guard guard{log.lock_};
    log.lines_.push_back(std::move(line));
  }

  mutable std::mutex lock_;
  std::vector<std::string> lines_;
};

}  // namespace troupe::test
