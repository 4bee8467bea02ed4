// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdio>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "security/id_hash.hpp"

namespace greenroom {

// One act that somebody may ask about later. Ids come in as they are and are written as hashes.
struct Audit {
  std::string_view act;        // "login", "login refused", "revoke", "set", "snapshot" ...
  std::string_view who = {};   // user name; empty: nobody in particular
  std::string_view from = {};  // address
  std::string_view id = {};    // the session's; empty: about none
  std::string_view note = {};
};

// Who did what: a JSON object a line, appended to a file and flushed with each line; without a file
// to the program's log, at notice.
class AuditLog {
 public:
  explicit AuditLog(IdHash hash) : hash_{std::move(hash)} {}

  // Opens the file to append to (and again after it was moved away, on SIGHUP); empty: none.
  std::expected<void, std::string> open(const std::string& file);
  void write(const Audit& audit);

  const IdHash& hash() const noexcept { return hash_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  IdHash hash_;
  std::mutex lock_;
  std::unique_ptr<std::FILE, CloseFile> file_;
};

}  // namespace greenroom
