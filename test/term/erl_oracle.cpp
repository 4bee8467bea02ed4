// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "term/erl_oracle.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <troupe/etf.hpp>

namespace troupe::test {
namespace {

std::string find_program(const char* name) {
  const char* path = std::getenv("PATH");
  std::string rest = path ? path : "";
  while (!rest.empty()) {
    std::size_t end = rest.find(':');
    std::string candidate = rest.substr(0, end) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  return {};
}

bool write_all(int file, const char* data, std::size_t size) {
  while (size > 0) {
    ssize_t written = write(file, data, size);
    if (written <= 0) return false;
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int file, char* data, std::size_t size) {
  while (size > 0) {
    ssize_t got = read(file, data, size);
    if (got <= 0) return false;
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

ErlOracle* ErlOracle::shared() {
  static std::unique_ptr<ErlOracle> oracle = [] {
    std::unique_ptr<ErlOracle> made{new ErlOracle};
    if (!made->start()) made.reset();
    return made;
  }();
  return oracle.get();
}

bool ErlOracle::start() {
  std::string erl = find_program("erl");
  if (erl.empty()) return false;
  int request[2];
  int answer[2];
  if (pipe2(request, O_CLOEXEC) != 0 || pipe2(answer, O_CLOEXEC) != 0) return false;
  std::string code =
      "{ok,oracle,B}=compile:file(\"" TROUPE_TERM_TEST_DIR
      "/oracle.erl\",[binary]),{module,oracle}=code:load_binary(oracle,\"oracle\",B),"
      "oracle:main().";
  process_ = fork();
  if (process_ == 0) {
    dup2(request[0], 0);
    dup2(answer[1], 1);
    execl(erl.c_str(), "erl", "-noinput", "-eval", code.c_str(), nullptr);
    _exit(127);
  }
  close(request[0]);
  close(answer[1]);
  to_ = request[1];
  from_ = answer[0];
  return process_ > 0;
}

ErlOracle::~ErlOracle() {
  if (process_ <= 0) return;
  close(to_);
  close(from_);
  waitpid(process_, nullptr, 0);
}

Term ErlOracle::ask(const Term& request) { return ask_bytes(term_to_binary(request)); }

Term ErlOracle::ask_bytes(const std::string& request) {
  std::array<unsigned char, 4> header{};
  for (std::size_t i = 0; i < 4; ++i) {
    header[i] = static_cast<unsigned char>(request.size() >> (24 - 8 * i));
  }
  std::string answer;
  bool done = write_all(to_, reinterpret_cast<char*>(header.data()), 4) &&
              write_all(to_, request.data(), request.size()) &&
              read_all(from_, reinterpret_cast<char*>(header.data()), 4);
  if (done) {
    answer.resize(std::size_t{header[0]} << 24 | std::size_t{header[1]} << 16 |
                  std::size_t{header[2]} << 8 | header[3]);
    done = read_all(from_, answer.data(), answer.size());
  }
  if (!done) {
    ADD_FAILURE() << "erl ended or closed its pipes";
    return {};
  }
  auto term = binary_to_term(answer, {.limits = {.new_atoms = 1'000'000}});
  if (!term) {
    ADD_FAILURE() << "erl's answer: " << to_string(term.error().code) << " at "
                  << term.error().offset;
    return {};
  }
  if (term->is_tagged(Atom{"failed"})) {
    ADD_FAILURE() << "erl refuses: " << to_erlang(*term).substr(0, 400);
    return {};
  }
  return *term;
}

bool ErlOracle::has_elixir() {
  if (!elixir_) {
    std::string program = find_program("elixir");
    elixir_ = false;
    if (!program.empty()) {
      auto home = std::filesystem::canonical(program).parent_path().parent_path();
      std::string path = home / "lib/elixir/ebin";
      Term answer = ask(tuple({atom("elixir"), Term::char_list(path)}));
      elixir_ = answer.is_atom(atoms::true_);
    }
  }
  return *elixir_;
}

std::size_t term_count(std::size_t otherwise) {
  if (const char* wanted = std::getenv("TROUPE_TERMS")) return std::strtoull(wanted, nullptr, 10);
  return std::getenv("TROUPE_NIGHTLY") ? 100'000 : otherwise;
}

}  // namespace troupe::test
