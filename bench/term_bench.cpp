// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How quick are term_to_binary and binary_to_term, compared with erl in the same run?
//
//   term_bench [--rounds R] [--only encode|decode map|list --count N] [--tiny]
//
// Two terms: a map of 10 keys (a session), and a list of 1,000 small tuples. Each round measures
// ours and erl's one after the other, and only figures of one round compare. At the end all rounds
// are a table for docs/reference/terms.md, ours in times of erl's speed. Time is the clock's: what
// virtual machines say of their processor's time is wrong by up to a half. So the machine has to be
// quiet. Terms are freed within the time measured, as erl's garbage collector works within its.
// --only runs one of ours COUNT times and nothing else, to count instructions: valgrind
// --tool=callgrind or perf stat.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <troupe/etf.hpp>

namespace {

using namespace troupe;

Term session_map() {
  return map({{atom("id"), Term::binary("6f1c9bd2e05a4d27")},
              {atom("user"), Term::binary("ann@example.org")},
              {atom("created_at"), 1'700'000'000'123},
              {atom("visits"), 41},
              {atom("theme"), atom("dark")},
              {atom("cart"), list({17, 4'711, 98'765})},
              {atom("score"), 12.75},
              {atom("admin"), false},
              {atom("note"), atom("nil")},
              {atom("address"), tuple({atom("ipv4"), 192, 0, 2, 17})}});
}

Term tuple_list() {
  std::vector<Term> elements;
  for (int i = 0; i < 1'000; ++i) elements.push_back(tuple({atom("item"), i, i * 1'000}));
  return list(elements);
}

// What the optimiser must not take away.
volatile std::size_t sink = 0;

void encode(const Term& term) { sink = sink + term_to_binary(term).size(); }
void decode(const std::string& bytes) { sink = sink + binary_to_term(bytes)->size(); }

template <class F>
double nanoseconds(int count, F f) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) f();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / count;
}

// erl measures itself, with the same term: it reads the bytes we encode.
struct ErlFigures {
  double encode = 0;
  double decode = 0;
};
ErlFigures measure_erl(const std::string& bytes, int count) {
  std::string path = "/tmp/troupe-term-bench-XXXXXX";
  const int file = ::mkstemp(path.data());
  ErlFigures figures;
  if (file < 0) return figures;
  FILE* term = ::fdopen(file, "w");
  std::fwrite(bytes.data(), 1, bytes.size(), term);
  std::fclose(term);
  const std::string command =
      "erl +sbwt none +sbwtdcpu none +sbwtdio none -noshell -eval "
      "'{ok,term_bench,B}=compile:file(\"" TROUPE_BENCH_DIR
      "/term_bench.erl\",[binary]),{module,_}=code:load_binary(term_bench,\"term_bench\",B),"
      "term_bench:main(\"" +
      path + "\"," + std::to_string(count) + ").'";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe && std::fscanf(pipe, "%lf %lf", &figures.encode, &figures.decode) != 2) figures = {};
  if (pipe) ::pclose(pipe);
  std::remove(path.c_str());
  return figures;
}

// How many times as quick as erl.
struct Ratios {
  double encode = 0;
  double decode = 0;
};

Ratios compare(const char* name, const Term& term, int count, bool ask_erl) {
  const std::string bytes = term_to_binary(term);
  const double ours_encode = nanoseconds(count, [&] { encode(term); });
  const double ours_decode = nanoseconds(count, [&] { decode(bytes); });
  const ErlFigures erl = ask_erl ? measure_erl(bytes, count) : ErlFigures{};
  std::printf(
      "%-6s encode %8.0f ns, erl %8.0f ns, %4.1f x;  decode %8.0f ns, erl %8.0f ns, %4.1f x\n",
      name, ours_encode, erl.encode, erl.encode / ours_encode, ours_decode, erl.decode,
      erl.decode / ours_decode);
  std::fflush(stdout);
  return {erl.encode / ours_encode, erl.decode / ours_decode};
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 3;
  int count = 0;
  bool tiny = false;
  std::string_view verb;
  std::string_view shape;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--rounds" && i + 1 < argc) {
      rounds = std::atoi(argv[++i]);
    } else if (flag == "--count" && i + 1 < argc) {
      count = std::atoi(argv[++i]);
    } else if (flag == "--only" && i + 2 < argc) {
      verb = argv[++i];
      shape = argv[++i];
    } else if (flag == "--tiny") {
      tiny = true;
    } else {
      std::fprintf(stderr, "term_bench: unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  if (!verb.empty()) {
    const Term term = shape == "map" ? session_map() : tuple_list();
    const std::string bytes = term_to_binary(term);
    for (int i = 0; i < count; ++i) {
      if (verb == "encode") encode(term);
      if (verb == "decode") decode(bytes);
    }
    return 0;
  }
  if (tiny) rounds = 1;
  std::string table;
  for (int round = 1; round <= rounds; ++round) {
    std::printf("round %d\n", round);
    const Ratios of_map = compare("map", session_map(), tiny ? 10 : 200'000, !tiny);
    const Ratios of_list = compare("list", tuple_list(), tiny ? 10 : 5'000, !tiny);
    char line[100];
    std::snprintf(line, sizeof line, "| %d | %.1f | %.1f | %.1f | %.1f |\n", round, of_map.encode,
                  of_map.decode, of_list.encode, of_list.decode);
    table += line;
  }
  std::printf(
      "\n| round | map encode | map decode | list encode | list decode |\n"
      "|---|---|---|---|---|\n%s",
      table.c_str());
}
