// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <troupe/duration.hpp>
#include <troupe/log.hpp>

#include "security/users.hpp"
#include "server/options.hpp"
#include "session/prefix_rules.hpp"

namespace greenroom {

struct TlsFiles {
  std::string certificate;  // empty: no TLS
  std::string key;
  std::string client_ca;
};

struct HttpConfig {
  std::string bind = "127.0.0.1";
  std::int32_t port = -1;  // -1: no HTTP; 0: the system chooses
  bool with_tls = false;
  std::string admin_password;  // of the page and the API; empty: neither, only health and metrics
};

struct LogConfig {
  enum class Format : std::uint8_t { text, json };
  Format format = Format::text;
  troupe::log::Level level = troupe::log::Level::info;
  std::string audit_file;  // empty: audit lines go to the log
};

struct SnapshotConfig {
  std::string directory;      // empty: DATA/snapshots
  troupe::Duration every{0};  // 0: only when asked for
  unsigned keep = 24;
};

// Everything `greenroom serve` can be told, by the configuration file, by flags, or by default, in
// this order of the weaker giving way: a flag beats the file.
struct Config {
  ServeOptions serve;
  TlsFiles tls;
  HttpConfig http;
  std::vector<UserConfig> users;  // beside the default user, whose password is serve.requirepass
  std::vector<PrefixRule> prefixes;
  LogConfig log;
  SnapshotConfig snapshots;
  std::string encryption_key_file;  // empty: payloads are stored as they are

  std::string file;                // where it was read from; empty: no file
  std::vector<std::string> words;  // the command line, to read both again
};

// What contradicts itself or cannot work, as sentences; empty: nothing. Reads certificates and
// keys, opens no port and no data.
std::vector<std::string> problems_of(const Config& config);

}  // namespace greenroom
