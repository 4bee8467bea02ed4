// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/resp_client.hpp"

#include <algorithm>
#include <charconv>

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr Duration connect_limit = 10s;
constexpr Duration reply_limit = 60s;
constexpr std::size_t max_text_bytes = 512u << 20;
constexpr std::int64_t max_elements = 16 << 20;
constexpr int max_depth = 4;
constexpr std::size_t shortest_reply = 3;  // "+\r\n"

// The line at the front without its CR LF; nothing: it is not whole.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

bool read_number(std::string_view text, std::int64_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

void append_command(std::string& out, std::span<const std::string_view> words) {
  out += "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

// --- RespReader.

void RespReader::feed(std::string_view bytes) {
  if (at_ > pending_.size() / 2) {
    pending_.erase(0, at_);
    needed_ -= std::min(needed_, at_);
    at_ = 0;
  }
  pending_ += bytes;
}

std::optional<RespReply> RespReader::next() {
  if (failed_ || pending_.size() < needed_ || at_ == pending_.size()) return std::nullopt;
  RespReply reply;
  std::string_view rest = std::string_view{pending_}.substr(at_);
  const Step step = read(rest, reply, 0);
  if (step == Step::failed) {
    failed_ = true;
    return std::nullopt;
  }
  if (step == Step::incomplete) {
    // At least so much has to come before it is worth another look: a large one costs no square.
    needed_ = pending_.size() + missing_;
    return std::nullopt;
  }
  at_ = pending_.size() - rest.size();
  needed_ = 0;
  return reply;
}

RespReader::Step RespReader::read(std::string_view& rest, RespReply& into, int depth) {
  if (depth > max_depth) return Step::failed;
  missing_ = 1;
  const auto line = take_line(rest);
  if (!line) return rest.size() > max_text_bytes ? Step::failed : Step::incomplete;
  if (line->empty()) return Step::failed;
  const std::string_view body = line->substr(1);
  switch (line->front()) {
    case '+':
    case '-':
      into.kind = line->front() == '+' ? RespReply::Kind::status : RespReply::Kind::error;
      into.text = body;
      return Step::done;
    case ':':
      into.kind = RespReply::Kind::integer;
      return read_number(body, into.integer) ? Step::done : Step::failed;
    case '$': {
      std::int64_t size = 0;
      if (!read_number(body, size) || size < -1 ||
          size > static_cast<std::int64_t>(max_text_bytes)) {
        return Step::failed;
      }
      if (size == -1) return Step::done;
      const auto bytes = static_cast<std::size_t>(size);
      if (rest.size() < bytes + 2) {
        missing_ = bytes + 2 - rest.size();
        return Step::incomplete;
      }
      if (rest.substr(bytes, 2) != "\r\n") return Step::failed;
      into.kind = RespReply::Kind::bulk;
      into.text = rest.substr(0, bytes);
      rest.remove_prefix(bytes + 2);
      return Step::done;
    }
    case '*': {
      std::int64_t count = 0;
      if (!read_number(body, count) || count < -1 || count > max_elements) return Step::failed;
      if (count == -1) return Step::done;
      into.kind = RespReply::Kind::array;
      for (std::int64_t i = 0; i < count; ++i) {
        const Step step = read(rest, into.elements.emplace_back(), depth + 1);
        if (step == Step::done) continue;
        missing_ += static_cast<std::size_t>(count - i - 1) * shortest_reply;
        return step;
      }
      return Step::done;
    }
    default:
      return Step::failed;
  }
}

// --- RespClient.

Async<RespClient::Result<RespClient>> RespClient::connect(Process& self, RedisUrl url) {
  RespClient client;
  client.name_ = url.text();
  auto stream = co_await net::Stream::connect(self, {url.host, url.port}, connect_limit);
  if (!stream) co_return std::unexpected(client.name_ + ": " + stream.error().text);
  if (url.is_encrypted) {
    auto context = net::TlsContext::client(url.tls);
    if (!context) co_return std::unexpected(context.error().text);
    auto channel = co_await net::Channel::connect_tls(self, std::move(*stream), *context, url.host,
                                                      connect_limit);
    if (!channel) co_return std::unexpected(client.name_ + ": " + channel.error().text);
    client.channel_ = std::move(*channel);
  } else {
    client.channel_ = net::Channel{std::move(*stream)};
  }
  std::vector<std::vector<std::string>> greetings;
  if (!url.password.empty()) {
    std::vector<std::string> login{"AUTH"};
    if (!url.user.empty()) login.push_back(url.user);
    login.push_back(url.password);
    greetings.push_back(std::move(login));
  }
  if (url.database != 0) greetings.push_back({"SELECT", std::to_string(url.database)});
  for (std::vector<std::string>& words : greetings) {
    const std::string what = words.front();
    auto reply = co_await client.ask(self, std::move(words));
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (reply->is_error()) {
      co_return std::unexpected(client.name_ + ": " + what + ": " + reply->text);
    }
  }
  co_return std::move(client);
}

Async<RespClient::Result<std::vector<RespReply>>> RespClient::ask(Process& self,
                                                                  std::string commands,
                                                                  std::size_t count) {
  auto written = co_await channel_.write(self, commands, reply_limit);
  if (!written) co_return std::unexpected(name_ + ": " + written.error().text);
  std::vector<RespReply> replies;
  std::string buffer(64 * 1024, '\0');
  while (replies.size() < count) {
    if (auto reply = reader_.next()) {
      replies.push_back(std::move(*reply));
      continue;
    }
    if (reader_.has_failed()) co_return std::unexpected(name_ + ": does not speak Redis' protocol");
    auto got = co_await channel_.read(self, buffer, reply_limit);
    if (!got) co_return std::unexpected(name_ + ": " + got.error().text);
    if (*got == 0) co_return std::unexpected(name_ + ": closed the connection");
    reader_.feed(std::string_view{buffer}.substr(0, *got));
  }
  co_return std::move(replies);
}

Async<RespClient::Result<RespReply>> RespClient::ask(Process& self,
                                                     std::vector<std::string> words) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  std::string command;
  append_command(command, views);
  auto replies = co_await ask(self, std::move(command), 1);
  if (!replies) co_return std::unexpected(std::move(replies.error()));
  co_return std::move(replies->front());
}

}  // namespace greenroom
