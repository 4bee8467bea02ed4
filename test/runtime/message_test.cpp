// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What may be sent and what may not, as tables of types; what the compiler says of the latter is in
// test/compile_fail.
#include <array>
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

struct Small {
  int number = 5;
  std::string text = {};
  std::optional<std::vector<std::string>> list = {};
};
struct Tree {
  std::vector<Tree> branches;
  std::map<std::string, std::variant<int, std::monostate>> leaves;
};
struct Wide {  // as many fields as there may be
  int a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20,
      a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31;
  std::string last;
};
struct TooWide {
  Wide inner;
  int b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16, b17, b18, b19, b20, b21,
      b22, b23, b24, b25, b26, b27, b28, b29, b30, b31, b32, b33;
};
struct WideWithView {
  int a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20,
      a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31;
  std::string_view last;
};
struct WithArray {
  std::string text;
  char name[12];
  int number;
};
struct WithBitField {
  int number : 3;
  std::string text;
};
struct Derived : Small {
  int more;
};
struct Deep {
  std::vector<std::array<std::unique_ptr<Small>, 2>> fields;
};
struct DeepView {
  std::vector<std::optional<std::string_view>> fields;
};
class Hidden {
 public:
  explicit Hidden(int value) : value_{value} {}
  int value() const { return value_; }

 private:
  int value_;
};
class Vouched {
 public:
  explicit Vouched(int value) : value_{value} {}
  int value() const { return value_; }

 private:
  int value_;
};
struct Holder {
  Vouched vouched;
};

}  // namespace

template <>
inline constexpr bool enable_message<Vouched> = true;

namespace {

static_assert(Message<int> && Message<std::string> && Message<Pid> && Message<Term>);
static_assert(Message<Small> && Message<Tree> && Message<Wide> && Message<Deep>);
static_assert(Message<std::shared_ptr<const Small>> && Message<std::chrono::milliseconds>);
static_assert(Message<Vouched> && Message<Holder> && Message<Down> && Message<Exit>);

static_assert(!Message<int*> && !Message<std::string_view> && !Message<std::span<int>>);
static_assert(!Message<std::shared_ptr<Small>> && !Message<DeepView> && !Message<WideWithView>);
static_assert(!Message<TooWide> && !Message<WithArray> && !Message<Derived> && !Message<Hidden>);
static_assert(!Message<std::vector<Hidden>> && !Message<std::optional<TooWide>>);

// Each is refused for its own reason.
static_assert(!HasAtMost32Fields<TooWide> && PlainStructOrEnabled<TooWide>);
static_assert(!PlainStructOrEnabled<WithArray> && HasAtMost32Fields<WithArray>);
static_assert(!PlainStructOrEnabled<WithBitField> && HasAtMost32Fields<WithBitField>);
static_assert(!PlainStructOrEnabled<Derived> && !PlainStructOrEnabled<Hidden>);
static_assert(!OwnsAllItRefersTo<WideWithView> && PlainStructOrEnabled<WideWithView>);

TEST(MessageTest, one_with_32_fields_arrives_as_it_was_sent) {
  test::on_every_executor([](Process& self) -> Async<> {
    Wide wide{};
    wide.a31 = 31;
    wide.last = "a text that is too long for the small form";
    send(self.pid(), std::move(wide));
    const Wide got = co_await self.receive<Wide>();
    EXPECT_EQ(got.a31, 31);
    EXPECT_EQ(got.last, "a text that is too long for the small form");
  });
}

}  // namespace
}  // namespace troupe
