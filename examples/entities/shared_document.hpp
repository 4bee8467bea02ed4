// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A document that several people edit, as an entity process. An edit says which version it was made
// on; one on an old version is refused with the text as it is now, so nobody overwrites what they
// have not seen: the course has the process, and leaves that question open. Everybody who has it
// open is told of every change.
#pragma once

#include <expected>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace entities {

struct Text {
  int version;
  std::string text;
  friend bool operator==(const Text&, const Text&) = default;
};

struct SharedDocument : GenServer<SharedDocument> {
  struct Open {
    Pid editor;
    using Reply = Text;
  };
  struct Replace {  // `length` characters from `at` become `with`
    int version;
    std::size_t at, length;
    std::string with;
    using Reply = std::expected<Text, Text>;  // or the text as it is
  };
  struct Editors {
    using Reply = std::size_t;
  };

  explicit SharedDocument(std::string text) : text_{1, std::move(text)} {}
  Text handle_call(Process& self, Open m) {
    if (!editors_.contains(m.editor)) editors_[m.editor] = self.monitor(m.editor);
    return text_;
  }
  Replace::Reply handle_call(Replace m) {
    if (m.version != text_.version || m.at > text_.text.size()) return std::unexpected{text_};
    text_.text.replace(m.at, m.length, m.with);
    ++text_.version;
    for (const auto& [editor, monitor] : editors_) send(editor, text_);
    return text_;
  }
  std::size_t handle_call(Editors) { return editors_.size(); }
  void handle_info(Down m) { editors_.erase(m.pid); }

 private:
  Text text_;
  std::map<Pid, Ref> editors_;
};

}  // namespace entities
