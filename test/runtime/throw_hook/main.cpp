// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Linked once with the shared C++ library and once with the static one: each must know where an
// exception was thrown, its own and one from inside the library, and end with 0.
#include <cstdio>
#include <stdexcept>
#include <vector>

#include <troupe/troupe.hpp>

namespace {

[[gnu::noinline]] void throw_here() { throw std::runtime_error{"here"}; }

template <class F>
int check(F body, const char* function) {
  troupe::Runtime runtime{{.execution = troupe::Execution::single}};
  const auto result = runtime.try_run(body);
  const troupe::ExceptionReport* report = result ? nullptr : result.error().exception();
  const std::string stack = report ? report->stack() : std::string{};
  std::printf("%s\n%s\n\n", report ? report->type.c_str() : "no exception", stack.c_str());
  return stack.contains(function) ? 0 : 1;
}

}  // namespace

int main() {
  troupe::log::set_sink([](void*, const troupe::log::Record&) {}, nullptr);
  return check([](troupe::Process&) { throw_here(); }, "throw_here") +
         check([](troupe::Process&) { (void)std::vector<int>{}.at(1); }, "main.cpp");
}
