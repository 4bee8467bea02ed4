// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "new_project.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "project_files.hpp"

namespace troupectl {

namespace fs = std::filesystem;

namespace {

// What a name must not be: it would not compile, or mean something else in CMake.
constexpr std::array reserved{"all",     "auto",   "bool",     "class",     "double",
                              "float",   "int",    "main",     "namespace", "new",
                              "project", "short",  "std",      "struct",    "switch",
                              "test",    "troupe", "template", "this",      "void"};

std::string filled_in(std::string_view text, std::string_view name) {
  constexpr std::string_view mark = "@name@";
  std::string result;
  for (std::size_t at; (at = text.find(mark)) != text.npos; text.remove_prefix(at + mark.size())) {
    result += text.substr(0, at);
    result += name;
  }
  return result + std::string{text};
}

// Files that begin with a dot would be hidden in our own tree.
fs::path target_of(std::string_view path) {
  if (path == "gitignore" || path == "clang-format") return "." + std::string{path};
  return path;
}

}  // namespace

bool is_project_name(std::string_view name) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto fits = [&](char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= 64 && is_lower(name.front()) &&
         std::ranges::all_of(name, fits) && name.find("__") == name.npos && name.back() != '_' &&
         std::ranges::find(reserved, name) == reserved.end();
}

std::expected<std::vector<fs::path>, std::string> new_project(std::string_view name,
                                                              const fs::path& folder) {
  if (!is_project_name(name)) {
    return std::unexpected{"`" + std::string{name} +
                           "` cannot be a project: use lower-case letters, digits and single "
                           "underscores, a letter first, and no word of C++"};
  }
  const fs::path root = folder / name;
  std::error_code error;
  if (fs::exists(root, error) && !fs::is_empty(root, error)) {
    return std::unexpected{root.string() + " is there already; choose another name, or remove it"};
  }
  std::vector<fs::path> written;
  for (const auto& [path, text] : project_files()) {
    const fs::path file = root / target_of(path);
    fs::create_directories(file.parent_path(), error);
    std::ofstream stream{file, std::ios::binary};
    stream << filled_in(text, name);
    stream.close();
    if (!stream) return std::unexpected{"cannot write " + file.string()};
    if (path == "dev") {
      constexpr auto run = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
      fs::permissions(file, run, fs::perm_options::add, error);
    }
    written.push_back(file);
  }
  return written;
}

}  // namespace troupectl
