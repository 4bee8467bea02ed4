// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What a connection does about scripts: EVAL, EVALSHA, SCRIPT and FUNCTION.
#include "resp/connection_state.hpp"
#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {

// EVAL and EVALSHA: a known script becomes a command on its one key.
Verdict ConnectionState::run_script(const CommandSpec& command, Words words, std::string& out) {
  ReplyWriter reply{out, version()};
  constexpr std::string_view no_script = "NOSCRIPT No matching script. Please use EVAL.";
  constexpr std::size_t sha_digits = 40;
  // What cannot be a script's name is none, whatever comes behind it.
  if (command.id == CommandId::evalsha && words[1].size() != sha_digits) {
    reply.error(no_script);
    return {};
  }
  const auto keys = parse_integer(words[2]);
  if (!keys) {
    reply.error(error_text::not_an_integer);
    return {};
  }
  if (*keys > static_cast<std::int64_t>(words.size()) - 3) {
    reply.error("ERR Number of keys can't be greater than number of args");
    return {};
  }
  if (*keys < 0) {
    reply.error("ERR Number of keys can't be negative");
    return {};
  }
  std::string sha;
  const auto script = command.id == CommandId::eval ? rules_->scripts->load(words[1], sha)
                                                    : rules_->scripts->find(words[1]);
  if (!script) {
    reply.error(command.id == CommandId::eval
                    ? "ERR this script is not one that Greenroom knows: it runs the scripts of "
                      "session and lock clients, and no other Lua"
                    : no_script);
    return {};
  }
  if (*keys != 1) {
    reply.error("ERR this script has one key");
    return {};
  }
  for (const CommandId called : script_commands(*script)) {
    if (const auto refusal = login_.refusal_to_run(command_spec(called))) {
      reply.error(*refusal);
      return {};
    }
  }
  static constexpr std::string_view numbers[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
  script_words_.assign({numbers[static_cast<std::size_t>(*script)]});
  script_words_.insert(script_words_.end(), words.begin() + 3, words.end());
  return {.action = Verdict::Action::ask_key,
          .command = &command_spec(CommandId::script_run),
          .words = script_words_};
}

Verdict ConnectionState::answer_script(const CommandSpec& command, Words words, std::string& out) {
  ReplyWriter reply{out, version()};
  switch (command.id) {
    case CommandId::script_load: {
      std::string sha;
      if (rules_->scripts->load(words[2], sha)) {
        reply.bulk(sha);
      } else {
        reply.error(
            "ERR this script is not one that Greenroom knows: it runs the scripts of session and "
            "lock clients, and no other Lua");
      }
      return {};
    }
    case CommandId::script_exists:
      reply.array(words.size() - 2);
      for (std::string_view sha : words.subspan(2))
        reply.integer(rules_->scripts->find(sha) ? 1 : 0);
      return {};
    case CommandId::script_flush:
    case CommandId::function_flush: {
      const bool is_script = command.id == CommandId::script_flush;
      const bool is_known =
          words.size() == 2 ||
          (words.size() == 3 && (same_word(words[2], "sync") || same_word(words[2], "async")));
      if (!is_known) {
        reply.error(is_script ? "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
                              : "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
        return {};
      }
      if (is_script) rules_->scripts->flush();
      reply.ok();
      return {};
    }
    default:
      return run_script(command, words, out);
  }
}

}  // namespace greenroom
