// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A mail, and the conversation that delivers it (RFC 5321): greeting, EHLO, MAIL FROM, RCPT TO,
// DATA.
#pragma once

#include <expected>
#include <string>

#include <troupe/net.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace email_worker {

struct Mail {
  std::string to, subject, body;
};

// The text of a failure, for people; `permanent` if trying again is no use (5xx).
struct SmtpError {
  std::string text;
  bool permanent = false;
};

class SmtpSession {
 public:
  static constexpr Duration timeout = 10s;
  static constexpr std::size_t max_reply = 4'096;

  // Addresses with line breaks or angle brackets could say more than they should: refused.
  static bool is_address(std::string_view text) {
    return text.find('@') != text.npos && text.find_first_of("\r\n<> ") == text.npos;
  }

  Async<std::expected<void, SmtpError>> deliver(Process& self, net::Address server, Mail mail) {
    if (!is_address(mail.to) || mail.subject.find_first_of("\r\n") != std::string::npos) {
      co_return std::unexpected{SmtpError{"not an address or a subject", true}};
    }
    auto stream = co_await net::Stream::connect(self, server, timeout);
    if (!stream) co_return std::unexpected{SmtpError{stream.error().text}};
    stream_ = std::move(*stream);
    if (auto r = co_await expect(self, "220"); !r) co_return r;
    if (auto r = co_await say(self, "EHLO localhost\r\n", "250"); !r) co_return r;
    if (auto r = co_await say(self, "MAIL FROM:<troupe@localhost>\r\n", "250"); !r) co_return r;
    if (auto r = co_await say(self, "RCPT TO:<" + mail.to + ">\r\n", "250"); !r) co_return r;
    if (auto r = co_await say(self, "DATA\r\n", "354"); !r) co_return r;
    std::string text = "From: troupe@localhost\r\nTo: " + mail.to + "\r\nSubject: " + mail.subject +
                       "\r\n\r\n" + stuffed(mail.body) + "\r\n.\r\n";
    if (auto r = co_await say(self, std::move(text), "250"); !r) co_return r;
    (void)co_await say(self, "QUIT\r\n", "221");
    co_return {};
  }

 private:
  // Lines end in CRLF, and a dot at the beginning of one is doubled, because a lone dot ends DATA.
  static std::string stuffed(std::string_view body) {
    std::string text;
    bool line_begins = true;
    for (const char c : body) {
      if (c == '\r') continue;
      if (c == '.' && line_begins) text += '.';
      line_begins = c == '\n';
      text += line_begins ? "\r\n" : std::string(1, c);
    }
    return text;
  }

  Async<std::expected<void, SmtpError>> say(Process& self, std::string line,
                                            std::string_view code) {
    const auto written = co_await stream_.write(self, line, timeout);
    if (!written) co_return std::unexpected{SmtpError{written.error().text}};
    co_return co_await expect(self, code);
  }

  // A reply is one or more lines; the last has a space behind its code.
  Async<std::expected<void, SmtpError>> expect(Process& self, std::string_view code) {
    for (;;) {
      std::size_t end = 0;
      while ((end = received_.find("\r\n")) == std::string::npos) {
        if (received_.size() > max_reply) {
          co_return std::unexpected{SmtpError{"a reply without an end"}};
        }
        char bytes[512];
        const auto count = co_await stream_.read(self, bytes, timeout);
        if (!count) co_return std::unexpected{SmtpError{count.error().text}};
        if (*count == 0) co_return std::unexpected{SmtpError{"the server hung up"}};
        received_.append(bytes, *count);
      }
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      if (line.size() > 3 && line[3] == '-') continue;
      if (line.starts_with(code)) co_return {};
      co_return std::unexpected{SmtpError{line, line.starts_with('5')}};
    }
  }

  net::Stream stream_;
  std::string received_;
};

}  // namespace email_worker
