// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace troupectl {

// Whether `name` can be a project: a lower-case letter, then lower-case letters, digits and single
// underscores, and no word of C++ or CMake. It becomes a folder, a namespace and a target.
bool is_project_name(std::string_view name);

// Makes `folder`/NAME with a project in it, and gives the files written. Errors, as a sentence: the
// name is none, the folder is there already and not empty, or a file cannot be written.
std::expected<std::vector<std::filesystem::path>, std::string> new_project(
    std::string_view name, const std::filesystem::path& folder);

}  // namespace troupectl
