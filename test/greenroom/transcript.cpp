// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/transcript.hpp"

#include <algorithm>
#include <vector>

namespace greenroom::test {
namespace {

std::vector<std::string_view> tidy_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::string tidied(std::string_view transcript) {
  std::string result;
  for (std::string_view line : tidy_lines(transcript)) result.append(line).append("\n");
  return result;
}

std::string play(LocalServer& server, std::string_view transcript) {
  LocalConnection connection{server};
  std::string result;
  for (std::string_view line : tidy_lines(transcript)) {
    if (line.starts_with("@ ")) server.now_ms += std::stoll(std::string(line.substr(2)));
    bool is_ours = line.starts_with("> ");
    if (!is_ours && !line.starts_with("@ ") && !line.starts_with("# ")) continue;
    result.append(line).append("\n");
    if (!is_ours) continue;
    std::string reply = connection.send(std::string(line.substr(2)) + "\r\n");
    std::erase(reply, '\r');
    result.append(tidied(reply));
    if (connection.is_closed()) result.append("(closed)\n");
  }
  return result;
}

}  // namespace greenroom::test
