// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "differential/script.hpp"

#include <algorithm>

#include "base/prng.hpp"

namespace troupe::differential {

namespace {

// How often each verb is drawn. Those that wait, and those that tie processes together, are what
// makes a script more than a list of sends.
struct Weight {
  Verb verb;
  int weight;
};
constexpr Weight weights[] = {
    {Verb::send, 10},        {Verb::send_name, 4},    {Verb::link, 9},      {Verb::unlink, 5},
    {Verb::monitor, 9},      {Verb::monitor_name, 3}, {Verb::demonitor, 6}, {Verb::exit, 10},
    {Verb::leave, 3},        {Verb::trap, 6},         {Verb::receive, 16},  {Verb::enter, 5},
    {Verb::unregister, 2},   {Verb::whereis, 3},      {Verb::alive, 5},     {Verb::start_timer, 5},
    {Verb::cancel_timer, 3}, {Verb::spawn, 6},
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_{seed} { script_.seed = seed; }

  Script make() {
    const int count = 2 + below(5);
    script_.bodies.resize(static_cast<std::size_t>(count));
    // Whoever is not spawned by one before it is there from the beginning.
    next_child_ = 2 + below(count - 1);
    for (int i = 0; i < count; ++i) {
      Body& body = script_.bodies[static_cast<std::size_t>(i)];
      const int operations = 1 + below(6);
      for (int n = 0; n < operations; ++n) body.operations.push_back(draw(count));
      // Many stay a while, to see what becomes of the others.
      if (below(3) > 0) body.operations.push_back({Verb::linger, 0, 3});
    }
    return std::move(script_);
  }

 private:
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(n))); }

  Verb draw_verb() {
    int total = 0;
    for (const Weight& entry : weights) total += entry.weight;
    int left = below(total);
    for (const Weight& entry : weights) {
      if ((left -= entry.weight) < 0) return entry.verb;
    }
    return Verb::send;
  }

  Operation draw(int count) {
    const int process = below(count);
    switch (const Verb verb = draw_verb()) {
      case Verb::send:
        return {verb, process, ++number_};
      case Verb::send_name:
        return {verb, below(name_count), ++number_};
      case Verb::monitor_name:
      case Verb::unregister:
      case Verb::whereis:
        return {verb, below(name_count)};
      case Verb::demonitor:
        return {verb, below(2), below(2)};
      case Verb::cancel_timer:
        return {verb, below(2)};
      case Verb::exit:
        return {verb, process, below(4)};
      case Verb::leave:
        return {verb, below(4)};
      case Verb::trap:
        return {verb, below(4) > 0};
      case Verb::receive:
        return {verb, below(4), below(3)};
      case Verb::enter:
        return {verb, below(name_count), process};
      case Verb::start_timer:
        return {verb, process, below(3), ++number_};
      case Verb::spawn:
        if (next_child_ == count) return {Verb::receive, 0, 1};
        script_.bodies[static_cast<std::size_t>(next_child_)].is_root = false;
        return {verb, next_child_++, below(4)};
      default:
        return {verb, process};
    }
  }

  Prng random_;
  Script script_;
  int next_child_ = 0;
  int number_ = 0;  // of messages: each is sent once
};

}  // namespace

Script make_script(std::uint64_t seed) { return Generator{seed}.make(); }

std::string to_erlang(const Script& script) {
  std::string text = "{" + std::to_string(script.seed) + ",[";
  for (const Body& body : script.bodies) {
    if (text.back() != '[') text += ',';
    text += body.is_root ? "{true,[" : "{false,[";
    for (const Operation& op : body.operations) {
      if (text.back() != '[') text += ',';
      text += std::string{"{"} + verb_names[static_cast<std::size_t>(op.verb)] + ',' +
              std::to_string(op.a) + ',' + std::to_string(op.b) + ',' + std::to_string(op.c) + '}';
    }
    text += "]}";
  }
  return text + "]}.\n";
}

std::string to_string(const Script& script) {
  std::string text;
  for (std::size_t i = 0; i < script.bodies.size(); ++i) {
    text += "  process " + std::to_string(i) + (script.bodies[i].is_root ? ":\n" : " (spawned):\n");
    for (const Operation& op : script.bodies[i].operations) {
      text += std::string{"    "} + verb_names[static_cast<std::size_t>(op.verb)] + ' ' +
              std::to_string(op.a) + ' ' + std::to_string(op.b) + ' ' + std::to_string(op.c) + '\n';
    }
  }
  return text;
}

}  // namespace troupe::differential
