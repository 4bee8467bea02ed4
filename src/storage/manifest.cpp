// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/manifest.hpp"

#include <charconv>
#include <cstdio>
#include <optional>

#include "storage/crc32c.hpp"
#include "storage/fault.hpp"

namespace troupe::storage {
namespace {

constexpr std::string_view title = "troupe-store ";
constexpr unsigned format = 1;

std::string hex(std::uint32_t number) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", number);
  return text;
}

// Takes "NAME VALUE\n" off the front.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  const auto end = text.find('\n');
  if (end == std::string_view::npos || end < name.size()) return std::nullopt;
  const std::string_view value = text.substr(name.size(), end - name.size());
  text.remove_prefix(end + 1);
  return value;
}

std::optional<unsigned> number(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  unsigned value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string Manifest::text() const {
  std::string lines{title};
  lines += std::to_string(format) + "\nengine " + engine + "\nname " + name + "\nshards " +
           std::to_string(shards) + "\nid " + id + "\nstate " + (ready ? "ready" : "new") + "\n";
  lines += "sum " + hex(crc32c(lines)) + "\n";
  return lines;
}

Result<Manifest> parse_manifest(std::string_view text, const std::string& path) {
  const auto damaged = [&] {
    return failure(ErrorKind::corrupt,
                   "manifest " + path + " is damaged; restore it from a backup of the directory");
  };
  std::string_view rest = text;
  const auto version = number(take_line(rest, title));
  if (!version) return damaged();
  // Before the sum: a later format may sum differently.
  if (*version > format) {
    return failure(ErrorKind::newer_version,
                   "directory of " + path + " has format " + std::to_string(*version) +
                       ", this program reads up to " + std::to_string(format) +
                       "; start the newer version that wrote it");
  }
  const auto engine = take_line(rest, "engine ");
  const auto name = take_line(rest, "name ");
  const auto shards = number(take_line(rest, "shards "));
  const auto id = take_line(rest, "id ");
  const auto state = take_line(rest, "state ");
  const std::string_view summed = text.substr(0, text.size() - rest.size());
  const auto sum = take_line(rest, "sum ");
  if (!engine || !name || !shards || !id || !state || !sum || !rest.empty()) return damaged();
  if (*sum != hex(crc32c(summed)) || *shards == 0 || *shards > max_shards) return damaged();
  return Manifest{std::string{*engine}, std::string{*name}, *shards, std::string{*id},
                  *state == "ready"};
}

}  // namespace troupe::storage
