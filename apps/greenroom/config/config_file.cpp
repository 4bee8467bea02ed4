// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "config/config_file.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "text/units.hpp"

namespace greenroom {

using troupe::Duration;

namespace {

// Takes settings out of one table, notes what is wrong, and at the end names what nobody asked for.
class Section {
 public:
  Section(const std::string& file, const toml::table* table, std::string& problems)
      : file_{file}, table_{table}, problems_{problems} {}
  ~Section() {
    if (!table_) return;
    for (const auto& [key, node] : *table_) {
      if (!asked_.contains(std::string{key.str()})) {
        problem(node, "there is no setting \"" + std::string{key.str()} + "\" here");
      }
    }
  }

  void take(std::string_view name, std::string& into) {
    if (const toml::node* node = find(name)) {
      if (const auto value = node->value_exact<std::string>()) {
        into = *value;
      } else {
        problem(*node, std::string{name} + " is a text in quotes");
      }
    }
  }
  void take(std::string_view name, bool& into) {
    if (const toml::node* node = find(name)) {
      if (const auto value = node->value_exact<bool>()) {
        into = *value;
      } else {
        problem(*node, std::string{name} + " is true or false");
      }
    }
  }
  template <class Number>
  void take(std::string_view name, Number& into, std::int64_t lowest, std::int64_t highest) {
    if (const toml::node* node = find(name)) {
      const auto value = node->value_exact<std::int64_t>();
      if (value && *value >= lowest && *value <= highest) {
        into = static_cast<Number>(*value);
      } else {
        problem(*node, std::string{name} + " is a number from " + std::to_string(lowest) + " to " +
                           std::to_string(highest));
      }
    }
  }
  void take(std::string_view name, Duration& into) {
    if (const toml::node* node = find(name)) {
      const auto text = node->value_exact<std::string>();
      const auto value = text ? parse_duration(*text) : std::nullopt;
      if (value) {
        into = *value;
      } else {
        problem(*node, std::string{name} + R"( is a time like "30s", "15min", "12h" or "7d")");
      }
    }
  }
  void take_bytes(std::string_view name, std::size_t& into, std::uint64_t lowest,
                  std::uint64_t highest) {
    if (const toml::node* node = find(name)) {
      const auto text = node->value_exact<std::string>();
      std::optional<std::uint64_t> value;
      if (text) value = parse_bytes(*text);
      if (const auto number = node->value_exact<std::int64_t>(); number && *number > 0) {
        value = static_cast<std::uint64_t>(*number);
      }
      if (value && *value >= lowest && *value <= highest) {
        into = static_cast<std::size_t>(*value);
      } else {
        problem(*node, std::string{name} + " is a size from " + bytes_text(lowest) + " to " +
                           bytes_text(highest) + R"(, like "64MiB")");
      }
    }
  }
  template <class Value, std::size_t N>
  void take_choice(std::string_view name, Value& into,
                   const std::pair<const char*, Value> (&choices)[N]) {
    if (const toml::node* node = find(name)) {
      const auto text = node->value_exact<std::string>();
      std::string list;
      for (const auto& [word, value] : choices) {
        if (text == word) {
          into = value;
          return;
        }
        list += (list.empty() ? "\"" : ", \"") + std::string{word} + "\"";
      }
      problem(*node, std::string{name} + " is one of " + list);
    }
  }
  void take(std::string_view name, std::vector<std::string>& into) {
    const toml::node* node = find(name);
    if (!node) return;
    const toml::array* array = node->as_array();
    if (!array) return problem(*node, std::string{name} + " is a list of texts");
    into.clear();
    for (const toml::node& element : *array) {
      if (const auto value = element.value_exact<std::string>()) {
        into.push_back(*value);
      } else {
        problem(element, std::string{name} + " is a list of texts");
      }
    }
  }
  // The setting as it stands in a rule: a text, or a whole number. Empty: it is not there.
  std::string take_word(std::string_view name) {
    const toml::node* node = find(name);
    if (!node) return {};
    if (const auto text = node->value_exact<std::string>()) return *text;
    if (const auto number = node->value_exact<std::int64_t>()) return std::to_string(*number);
    problem(*node, std::string{name} + " is a text in quotes");
    return {};
  }
  // Where the setting stands, or the section if it has none such.
  void problem_at(std::string_view name, const std::string& text) {
    const toml::node* node = table_ ? table_->get(name) : nullptr;
    if (node) {
      problem(*node, text);
    } else if (table_) {
      problem(*table_, text);
    }
  }
  // The table of that name; null, and then a section without any settings.
  const toml::table* table(std::string_view name) {
    const toml::node* node = find(name);
    if (!node) return nullptr;
    if (!node->is_table()) problem(*node, "[" + std::string{name} + "] is a section");
    return node->as_table();
  }
  const toml::array* tables(std::string_view name) {
    const toml::node* node = find(name);
    if (!node) return nullptr;
    if (!node->is_array_of_tables()) {
      problem(*node, "[[" + std::string{name} + "]] is a list of sections");
      return nullptr;
    }
    return node->as_array();
  }
  void problem(const toml::node& node, const std::string& text) {
    problems_ += file_ + ":" + std::to_string(node.source().begin.line) + ": " + text + "\n";
  }

 private:
  const toml::node* find(std::string_view name) {
    asked_.emplace(name);
    return table_ ? table_->get(name) : nullptr;
  }

  const std::string& file_;
  const toml::table* table_;
  std::string& problems_;
  std::set<std::string> asked_;
};

constexpr std::pair<const char*, LogConfig::Format> formats[] = {{"text", LogConfig::Format::text},
                                                                 {"json", LogConfig::Format::json}};
constexpr std::pair<const char*, troupe::log::Level> levels[] = {
    {"debug", troupe::log::Level::debug},
    {"info", troupe::log::Level::info},
    {"notice", troupe::log::Level::notice},
    {"warning", troupe::log::Level::warning},
    {"error", troupe::log::Level::error}};

void take_server(Section section, Config& config) {
  section.take("bind", config.serve.bind);
  section.take("port", config.serve.port, 0, 65'535);
  section.take("data", config.serve.data);
  section.take_choice("durability", config.serve.durability, durabilities);
  section.take_choice("engine", config.serve.engine, engines);
  section.take("shards", config.serve.shards, 0, 1'024);
  section.take("workers", config.serve.workers, 0, 64);
  section.take("max_clients", config.serve.max_clients, 1, 1'000'000);
  section.take_bytes("max_value", config.serve.max_value_bytes, 1'024, 512u << 20);
  section.take_bytes("max_reply", config.serve.max_reply_bytes, 1'024, 1u << 30);
  section.take_bytes("max_memory", config.serve.max_memory_bytes, 1u << 20, 1ull << 50);
  section.take("max_events", config.serve.max_events, 0, 10'000'000);
  section.take("protected_mode", config.serve.protected_mode);
}

void take_tls(Section section, Config& config) {
  section.take("port", config.serve.tls_port, 0, 65'535);
  section.take("certificate", config.tls.certificate);
  section.take("key", config.tls.key);
  section.take("client_ca", config.tls.client_ca);
}

void take_http(Section section, Config& config) {
  section.take("bind", config.http.bind);
  section.take("port", config.http.port, 0, 65'535);
  section.take("tls", config.http.with_tls);
  section.take("admin_password", config.http.admin_password);
}

void take_security(Section section, Config& config) {
  section.take("password", config.serve.requirepass);
  section.take("encryption_key_file", config.encryption_key_file);
}

void take_user(Section section, UserConfig& user) {
  section.take("name", user.name);
  section.take("password", user.password);
  section.take("password_sha256", user.password_sha256);
  section.take("rules", user.rules);
}

// The words of a rule, as session/prefix_rules.hpp explains them, with _ for -.
constexpr std::string_view rule_words[] = {"tombstone", "revive",      "dead_write", "merge",
                                           "lock_wait", "lock_suffix", "lock_owner", "history",
                                           "idle",      "max_age",     "user",       "cap"};

void take_prefix(Section section, std::vector<PrefixRule>& rules) {
  std::string prefix;
  section.take("prefix", prefix);
  std::string words;
  for (const std::string_view name : rule_words) {
    const std::string value = section.take_word(name);
    if (value.empty()) continue;
    std::string spelt{name};
    std::ranges::replace(spelt, '_', '-');
    const std::string word = spelt + "=" + value;
    // One by one, so that a mistake has its line.
    const auto understood = parse_prefix_rule(prefix, word);
    if (word.contains(' ')) {
      section.problem_at(name, spelt + " has a blank in it");
    } else if (!understood) {
      section.problem_at(name, understood.error());
    } else {
      words += word + " ";
    }
  }
  if (prefix.empty()) {
    section.problem_at("prefix", "a [[prefix]] has no prefix");
  } else if (std::ranges::find(rules, prefix, &PrefixRule::prefix) != rules.end()) {
    section.problem_at("prefix", "the prefix \"" + prefix + "\" is there twice");
  } else if (auto rule = parse_prefix_rule(prefix, words)) {
    rules.push_back(std::move(*rule));
  }
}

void take_log(Section section, Config& config) {
  section.take_choice("format", config.log.format, formats);
  section.take_choice("level", config.log.level, levels);
  section.take("audit_file", config.log.audit_file);
}

void take_snapshots(Section section, Config& config) {
  section.take("directory", config.snapshots.directory);
  section.take("every", config.snapshots.every);
  section.take("keep", config.snapshots.keep, 1, 100'000);
}

}  // namespace

std::expected<Config, std::string> read_config_file(const std::string& file, Config config) {
  // It can be opened, and reads as an empty file.
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return std::unexpected(file + ": is a directory; --config names a file\n");
  const toml::parse_result parsed = toml::parse_file(file);
  if (!parsed) {
    std::ostringstream text;
    text << file << ":" << parsed.error().source().begin.line << ": "
         << parsed.error().description() << "\n";
    return std::unexpected(text.str());
  }
  std::string problems;
  {
    Section root{file, &parsed.table(), problems};
    const auto section = [&](std::string_view name) {
      return Section{file, root.table(name), problems};
    };
    take_server(section("server"), config);
    take_tls(section("tls"), config);
    take_http(section("http"), config);
    take_security(section("security"), config);
    take_log(section("log"), config);
    take_snapshots(section("snapshots"), config);
    if (const toml::array* users = root.tables("user")) {
      config.users.clear();
      for (const toml::node& user : *users) {
        take_user(Section{file, user.as_table(), problems}, config.users.emplace_back());
      }
    }
    if (const toml::array* prefixes = root.tables("prefix")) {
      config.prefixes.clear();
      for (const toml::node& prefix : *prefixes) {
        take_prefix(Section{file, prefix.as_table(), problems}, config.prefixes);
      }
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  config.file = file;
  return config;
}

}  // namespace greenroom
