// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Servers: requests and replies (111, 117 to 127).
#include <troupe/name_at.hpp>
#include <troupe/request.hpp>
#include <troupe/sys.hpp>

#include "conformance/scenario.hpp"
#include "conformance/server_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

struct Log {
  using Reply = Term;
};

struct NoteCall {
  Term value;
};

// Keeps what it gets, as tagged tuples, in the order in which it is served.
struct Notes : GenServer<Notes> {
  using Info = Messages<Term>;
  Term handle_call(NoteCall m) {
    const std::size_t before = log_.size();
    log_.push_back(tuple({atoms::call, std::move(m.value)}));
    return before;
  }
  void handle_cast(Term m) { log_.push_back(tuple({atoms::cast, std::move(m)})); }
  void handle_info(Term m) { log_.push_back(tuple({atoms::info, std::move(m)})); }
  Term introspect() const { return list(log_); }

 private:
  std::vector<Term> log_;
};

Async<> s111_call_dispatch_order(Process& self) {
  const auto notes = co_await Notes::start(self);
  p("cast_returns", ok([&] { cast(notes, Term{1}); }));
  send(notes, Term{2});
  p("call_returns", co_await call(self, notes, NoteCall{3}));
  cast(notes, Term{4});
  send(notes, Term{5});
  p("order", co_await sys::get_state(self, notes.pid()));
}

struct Square {
  int n;
  using Reply = int;
};

struct Squares : GenServer<Squares> {
  void handle_call(Square m, From<int> from) {
    spawn([](Process&, int n, From<int> to) { reply(std::move(to), n * n); }, m.n, std::move(from));
  }
};

Async<> s117_call_reply_from_elsewhere(Process& self) {
  const auto squares = co_await Squares::start(self);
  p("answer", co_await call(self, squares, Square{12}));
  std::vector<Term> answers;
  for (int n = 1; n <= 5; ++n) answers.push_back(co_await call(self, squares, Square{n}));
  p("answers", list(answers));
}

struct Wait {
  using Reply = Term;
};
struct Count {
  using Reply = std::size_t;
};
struct ReleaseNewest {};

struct Gate : GenServer<Gate> {
  void handle_call(Wait, From<Term> from) { waiting_.push_back(std::move(from)); }
  std::size_t handle_call(Count) const { return waiting_.size(); }
  void handle_cast(ReleaseNewest) {
    From<Term> newest = std::move(waiting_.back());
    waiting_.pop_back();
    reply(std::move(newest), tuple({atom("released"), waiting_.size()}));
  }

 private:
  std::vector<From<Term>> waiting_;
};

struct Caller {
  int number;
  Term result;
};

Async<> s118_call_deferred_replies(Process& self) {
  const auto gate = co_await Gate::start(self);
  for (int n = 1; n <= 2; ++n) {
    spawn(
        [](Process& me, Pid main, ServerRef<Gate> server, int number) -> Async<> {
          Term result = co_await call(me, server, Wait{});
          send(main, Caller{number, std::move(result)});
        },
        self.pid(), gate, n);
    co_await until(self, [&, n]() -> Async<bool> {
      co_return co_await call(self, gate, Count{}) == static_cast<std::size_t>(n);
    });
  }
  for (int i = 0; i < 2; ++i) {
    cast(gate, ReleaseNewest{});
    const auto [number, result] = co_await self.receive<Caller>();
    p("caller", tuple({number, result}));
  }
}

struct Twice {
  using Reply = Term;
};
struct Again {
  using Reply = Term;
};

// Answers, and answers the same call once more when that is long over: with a token that is spent.
struct AnswersTwice : GenServer<AnswersTwice> {
  void handle_call(Twice, From<Term> from) {
    from_.emplace(std::move(from));
    std::move(*from_).reply(atom("first"));
  }
  Term handle_call(Again) {
    std::move(*from_).reply(atom("second"));
    return atom("sent_again");
  }

 private:
  std::optional<From<Term>> from_;
};

Async<> s119_call_double_reply(Process& self) {
  const auto server = co_await AnswersTwice::start(self);
  p("answer", co_await call(self, server, Twice{}));
  p("again", co_await call(self, server, Again{}));
  p("mailbox", co_await msgs(self));
  const auto [caller, ref] = spawn_monitor(
      [](Process& me, ServerRef<AnswersTwice> to) -> Async<> { co_await call(me, to, Twice{}); },
      server);
  const Term reason = co_await wait(self, ref);
  p("caller", tuple({reason, co_await is_alive(self, caller)}));
  p("again_to_dead", co_await call(self, server, Again{}));
}

struct Begin {
  using Reply = Term;
};
struct CallerHasReply {};

struct Steps : GenServer<Steps> {
  using Info = Messages<Term>;
  Answer<Term> handle_call(Begin) { return {atom("accepted"), continue_with(1)}; }
  Term handle_call(Log) { return list(log_); }
  Async<Next> handle_continue(Process& self, int step) {
    if (step == 1) co_await self.receive<CallerHasReply>();
    log_.push_back(step);
    co_return step < 3 ? continue_with(step + 1) : Next::noreply();
  }
  void handle_info(Term m) { log_.push_back(std::move(m)); }

 private:
  std::vector<Term> log_;
};

Async<> s120_call_reply_before_continue(Process& self) {
  const auto steps = co_await Steps::start(self);
  send(steps, atom("before"));
  p("reply", co_await call(self, steps, Begin{}));
  send(steps, atom("message"));
  send(steps.pid(), CallerHasReply{});
  p("log", co_await call(self, steps, Log{}));
}

struct Arm {
  Duration time;
};
struct Touch {};

struct Alarm : GenServer<Alarm> {
  explicit Alarm(Pid main) : main_{main} {}
  Answer<Term> handle_call(Arm m) { return {atom("armed"), Next::timeout(m.time)}; }
  void handle_cast(Touch) {}
  void handle_timeout() { send(main_, Fact{Atom{"info"}, atoms::timeout}); }

 private:
  Pid main_;
};

Async<> s121_call_timeout_return(Process& self) {
  const auto alarm = co_await Alarm::start(self, self.pid());
  p("arm", co_await call(self, alarm, Arm{30ms}));
  p("idle", (co_await self.receive<Fact>()).value);
  p("arm", co_await call(self, alarm, Arm{100ms}));
  cast(alarm, Touch{});
  co_await self.sleep(250ms);
  p("touched_without_rearming", co_await msgs<Fact>(self));
}

struct Unknown {
  using Reply = Term;
};

struct NoHandlers : GenServer<NoHandlers> {
  Term introspect() const { return atom("alive"); }
};

// `crashed` for the end of an error, whichever it was; any other reason as it is.
Term crashed(const Term& reason) {
  return reason.is_tuple(2) && reason[1].is_atom("stacktrace") ? atom("crashed") : reason;
}

Async<> s122_call_unknown_messages(Process& self) {
  const auto first = co_await NoHandlers::start(self);
  send(first.pid(), atom("what_is_this"));
  p("after_message", co_await sys::get_state(self, first.pid()));
  const Ref first_ref = self.monitor(first.pid());
  cast(first.pid(), Unknown{});
  p("after_cast", crashed(co_await wait(self, first_ref)));
  const auto second = co_await NoHandlers::start(self);
  const Ref second_ref = self.monitor(second.pid());
  const Term caller = co_await catch_exit([&] { return call(self, second.pid(), Unknown{}); });
  const Term server = co_await wait(self, second_ref);
  p("after_call", tuple({crashed(caller[1][0]), crashed(server)}));
}

struct Give {
  Term value;
};

// A handler can return only what its type says; what it throws as a term stands, in Erlang and
// here, for what it returns, and so is how nonsense is given.
struct Nonsense : GenServer<Nonsense> {
  Term handle_call(Give m) { throw ThrownException{std::move(m.value)}; }
  void handle_cast(Give m) { throw ThrownException{std::move(m.value)}; }
  void terminate(const ExitReason& reason) { p("terminate", reason.term()); }
};

Async<> s123_call_bad_return_value(Process& self) {
  const auto first = co_await Nonsense::start(self);
  p("caller", co_await catch_exit([&] { return call(self, first, Give{atom("nonsense")}); }));
  const auto second = co_await Nonsense::start(self);
  const Ref ref = self.monitor(second.pid());
  cast(second, Give{tuple({atoms::reply, atom("not_allowed_in_cast"), atoms::nil})});
  p("reason", co_await wait(self, ref));
}

struct AfterTime {
  Duration time;
  Term value;
  using Reply = Term;
};
struct Crash {
  using Reply = Term;
};

struct Delays : GenServer<Delays> {
  Async<Term> handle_call(Process& self, AfterTime m) {
    co_await self.sleep(m.time);
    co_return m.value;
  }
  Term handle_call(Process& self, Crash) { self.exit("crashed"); }
};

Term response_term(const std::expected<Term, CallError>& response) {
  if (response) return tuple({atoms::reply, *response});
  return response.error().reason.term();
}

Async<> s125_call_send_request(Process& self) {
  const auto server = co_await Delays::start(self);
  {
    auto request = send_request(self, server, AfterTime{150ms, atom("one")});
    p("first_wait", response_term(co_await request.response(10ms)));
    p("second_wait", response_term(co_await request.response(5s)));
  }
  {
    auto request = send_request(self, server, AfterTime{150ms, atom("two")});
    p("receive_gives_up", response_term(co_await request.receive_response(10ms)));
  }
  {
    auto a = send_request(self, server, AfterTime{0ms, atom("a")});
    auto b = send_request(self, server, AfterTime{0ms, atom("b")});
    const Term from_b = response_term(co_await b.response(5s));
    const Term from_a = response_term(co_await a.response(5s));
    p("in_any_order", tuple({from_b, from_a}));
  }
  auto request = send_request(self, server, Crash{});
  const auto response = co_await request.response(5s);
  p("server_died", tuple({response_term(response), response.error().server == server.pid()}));
  p("mailbox", co_await msgs(self));
}

struct Id {
  using Reply = Term;
};

struct HasId : GenServer<HasId> {
  using Messages = troupe::Messages<Id>;
  explicit HasId(Term id) : id_{std::move(id)} {}
  Term handle_call(Id) { return id_; }

 private:
  Term id_;
};

Async<> s126_call_addressing(Process& self) {
  const StartOptions options{.name = "srv"};
  const auto old = co_await HasId::start(self, options, atom("first"));
  p("by_pid", co_await call(self, old.pid(), Id{}));
  p("by_name", co_await call(self, "srv", Id{}));
  p("by_name_and_node", co_await call(self, NameAt{"srv", self.runtime().name()}, Id{}));
  p("whereis", whereis<HasId>("srv") == old);
  co_await stop(self, "srv");
  co_await HasId::start(self, options, atom("second"));
  p("name_now", co_await call(self, "srv", Id{}));
  p("old_pid", co_await catch_exit([&] { return call(self, old, Id{}); }));
}

struct Holds : GenServer<Holds> {
  struct Set {
    int value;
  };
  struct Get {
    using Reply = int;
  };
  explicit Holds(int value) : value_{value} {}
  int handle_call(Get) const { return value_; }
  void handle_cast(Set m) { value_ = m.value; }

 private:
  int value_;
};

// One name on several nodes in Erlang; several servers here.
Async<> s127_call_multi_call(Process& self) {
  const auto counter = named<Holds>("counter");
  const auto nobody = named<Holds>("nobody");
  co_await Holds::start(self, StartOptions{.name = "counter"}, 7);
  const auto replies_of = [](const auto& all, ServerRef<Holds> asked) {
    std::vector<Term> replies;
    for (const auto& [server, value] : all.replies)
      replies.push_back(tuple({server == asked, value}));
    return list(replies);
  };
  const auto some = co_await multi_call(self, std::vector{counter}, Holds::Get{});
  p("replies", tuple({replies_of(some, counter), list(std::vector<Term>(some.failed.size()))}));
  const auto none = co_await multi_call(self, std::vector{nobody}, Holds::Get{});
  const bool is_nobody = none.failed.size() == 1 && none.failed[0].server == nobody;
  p("nobody", tuple({replies_of(none, nobody), is_nobody}));
  const Term abcast = ok([&] { cast(counter, Holds::Set{8}); });
  p("abcast", abcast.is_atom(atoms::ok) ? atom("abcast") : abcast);
  p("after_abcast", co_await call(self, counter, Holds::Get{}));
}

constexpr Scenario scenarios[] = {
    {"111-call-dispatch-order", s111_call_dispatch_order},
    {"117-call-reply-from-elsewhere", s117_call_reply_from_elsewhere},
    {"118-call-deferred-replies", s118_call_deferred_replies},
    {"119-call-double-reply", s119_call_double_reply},
    {"120-call-reply-before-continue", s120_call_reply_before_continue},
    {"121-call-timeout-return", s121_call_timeout_return},
    {"122-call-unknown-messages", s122_call_unknown_messages},
    {"123-call-bad-return-value", s123_call_bad_return_value},
    {"124-call-wire-format", nullptr, "a call is no tuple in a mailbox"},
    {"125-call-send-request", s125_call_send_request},
    {"126-call-addressing", s126_call_addressing},
    {"127-call-multi-call", s127_call_multi_call},
};

}  // namespace

std::span<const Scenario> call_scenarios() { return scenarios; }

}  // namespace troupe::conformance
