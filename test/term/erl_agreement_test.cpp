// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Troupe's terms against real Erlang, over many random terms (TROUPE_TERMS sets how many).
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/etf.hpp>
#include <troupe/term.hpp>

#include "term/erl_oracle.hpp"
#include "term/random_term.hpp"

namespace troupe {
namespace {

constexpr std::size_t batch = 500;

class ErlAgreement : public testing::Test {
 protected:
  void SetUp() override {
    erl = test::ErlOracle::shared();
    if (!erl) GTEST_SKIP() << "no erl on this machine: nothing was compared with Erlang";
  }

  // OTP 26 orders the atoms among a map's keys differently, OTP 27 tells 0.0 from -0.0 and quotes
  // `maybe`: what depends on that is as in OTP 25, and compared with that.
  bool writes_as_ours() {
    const Term release = erl->ask(Term{atom("otp_release")});
    return release.as_int() < 26;
  }

  // Calls check(terms) with batches of random terms until enough were seen.
  template <class Check>
  void for_random_terms(std::uint64_t seed, Check check) {
    Prng random{seed};
    for (std::size_t left = test::term_count(2'000); left > 0 && !HasFailure();) {
      std::vector<Term> terms;
      for (std::size_t i = std::min(left, batch); i > 0; --i) {
        terms.push_back(test::random_term(random));
      }
      left -= terms.size();
      check(terms);
    }
  }

  test::ErlOracle* erl = nullptr;
};

// Whether the predicate holds for the term or anything in it.
template <class Predicate>
bool any_within(const Term& term, Predicate holds) {
  if (holds(term)) return true;
  for (const MapEntry& entry : term.entries()) {
    if (any_within(entry.key, holds) || any_within(entry.value, holds)) return true;
  }
  for (const Term& element : term.elements()) {
    if (any_within(element, holds)) return true;
  }
  return term.is_list() && !term.is_proper_list() && any_within(term.tail(), holds);
}

// Maps of more than 32 keys have an order of the BEAM's own when printed and encoded.
bool has_large_map(const Term& term) {
  return any_within(term, [](const Term& part) { return part.is_map() && part.size() > 32; });
}

// Pids, ports and references print with numbers of the node that prints them.
bool names_nodes(const Term& term) {
  return any_within(term, [](const Term& part) {
    return part.is_pid() || part.is_port() || part.is_reference();
  });
}

TEST_F(ErlAgreement, terms_come_back_hash_and_print_the_same) {
  const bool print_the_same = writes_as_ours();
  for_random_terms(1, [&](const std::vector<Term>& terms) {
    Term facts = erl->ask(tuple({atom("facts"), list(terms)}));
    ASSERT_EQ(facts.size(), terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const Term& fact = facts[i];
      std::string text = to_erlang(terms[i]);
      ASSERT_EQ(fact[0].as_int(), phash2(terms[i])) << text;
      ASSERT_EQ(fact[1].as_int(), phash2(terms[i], 1000)) << text;
      if (print_the_same && !has_large_map(terms[i]) && !names_nodes(terms[i])) {
        ASSERT_EQ(fact[2].as_binary(), text);
      }
      ASSERT_EQ(fact[3], terms[i]) << text;
    }
  });
}

TEST_F(ErlAgreement, terms_of_erlang_come_back_the_same) {
  std::size_t left = test::term_count(2'000);
  for (int seed = 1; left > 0 && !HasFailure(); ++seed) {
    std::size_t count = std::min(left, batch);
    left -= count;
    Term made = erl->ask(tuple({atom("make"), seed, count}));
    ASSERT_EQ(made.size(), count);
    EXPECT_TRUE(erl->ask(tuple({atom("same"), seed, count, made})).is_atom(atoms::true_));
    Term facts = erl->ask(tuple({atom("facts"), made}));
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(facts[i][0].as_int(), phash2(made[i])) << to_erlang(made[i]);
    }
  }
}

TEST_F(ErlAgreement, terms_are_ordered_as_erlang_orders_them) {
  for_random_terms(2, [&](const std::vector<Term>& terms) {
    // Neighbours after sorting are the hard cases: they differ least.
    std::vector<Term> sorted = terms;
    std::sort(sorted.begin(), sorted.end());
    std::vector<Term> pairs;
    for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
      pairs.push_back(tuple({sorted[i], sorted[i + 1]}));
      pairs.push_back(tuple({terms[i], terms[i + 1]}));
    }
    Term answers = erl->ask(tuple({atom("compare"), list(pairs)}));
    ASSERT_EQ(answers.size(), pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      auto order = pairs[i][0] <=> pairs[i][1];
      ASSERT_EQ(answers[i][0].as_atom()->text(), order < 0   ? "lt"
                                                 : order > 0 ? "gt"
                                                             : "eq")
          << to_erlang(pairs[i]);
      ASSERT_EQ(answers[i][1].as_bool(), pairs[i][0] == pairs[i][1]) << to_erlang(pairs[i]);
    }
  });
}

TEST_F(ErlAgreement, numbers_close_to_each_other_are_ordered_as_erlang_orders_them) {
  if (!writes_as_ours()) GTEST_SKIP() << "this Erlang is newer than OTP 25";
  std::vector<Term> numbers;
  for (int power : {52, 53, 54, 60, 61, 62, 63, 64, 65, 100, 127, 128, 1023}) {
    std::vector<std::uint64_t> limbs(static_cast<std::size_t>(power / 64) + 1);
    limbs.back() = std::uint64_t{1} << power % 64;
    for (bool negative : {false, true}) {
      double rounded = std::ldexp(negative ? -1.0 : 1.0, power);
      numbers.push_back(Term::big(negative, limbs));
      numbers.push_back(Term{rounded});
      numbers.push_back(Term{std::nextafter(rounded, 0.0)});
      numbers.push_back(Term{std::nextafter(rounded, 2 * rounded)});
      auto above = limbs;
      above[0] += 1;
      numbers.push_back(Term::big(negative, above));
      auto below = limbs;
      for (std::uint64_t& limb : below) {
        if (limb-- != 0) break;
      }
      numbers.push_back(Term::big(negative, below));
    }
  }
  for (double value : {0.0, -0.0, 0.5, -0.5, 1.0, 1e308, -1e308}) numbers.push_back(Term{value});
  for (int value : {0, 1, -1}) numbers.push_back(Term{value});
  std::vector<Term> pairs;
  for (const Term& a : numbers) {
    for (const Term& b : numbers) pairs.push_back(tuple({a, b}));
  }
  Term answers = erl->ask(tuple({atom("compare"), list(pairs)}));
  ASSERT_EQ(answers.size(), pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto order = pairs[i][0] <=> pairs[i][1];
    ASSERT_EQ(answers[i][0].as_atom()->text(), order < 0   ? "lt"
                                               : order > 0 ? "gt"
                                                           : "eq")
        << to_erlang(pairs[i]);
    ASSERT_EQ(answers[i][1].as_bool(), pairs[i][0] == pairs[i][1]) << to_erlang(pairs[i]);
  }
}

TEST_F(ErlAgreement, printed_terms_parse_here_and_there) {
  if (!writes_as_ours()) GTEST_SKIP() << "this Erlang is newer than OTP 25";
  for_random_terms(3, [&](const std::vector<Term>& terms) {
    std::vector<Term> literals;
    std::vector<Term> texts;
    for (const Term& term : terms) {
      if (names_nodes(term)) continue;
      literals.push_back(term);
      texts.push_back(Term::binary(to_erlang(term)));
      auto parsed = parse_term(*texts.back().as_binary());
      ASSERT_TRUE(parsed) << to_erlang(term) << " at " << parsed.error().offset;
      ASSERT_EQ(*parsed, term) << to_erlang(term);
    }
    Term answers = erl->ask(tuple({atom("parse"), list(texts)}));
    ASSERT_EQ(answers.size(), literals.size());
    for (std::size_t i = 0; i < literals.size(); ++i) {
      ASSERT_EQ(answers[i], tuple({atoms::ok, literals[i]})) << to_erlang(literals[i]);
    }
  });
}

TEST_F(ErlAgreement, elixir_inspects_terms_the_same) {
  if (!erl->has_elixir()) GTEST_SKIP() << "no elixir on this machine: nothing was compared with it";
  // Elixir before 1.15 writes character lists in single quotes.
  Term quotes = erl->ask(tuple({atom("inspect"), list({Term::char_list("a")})}));
  bool sigils = quotes[0].as_binary() == "~c\"a\"";
  for_random_terms(4, [&](const std::vector<Term>& terms) {
    std::vector<Term> asked;
    for (const Term& term : terms) {
      bool has_char_list = to_elixir(term).find("~c") != std::string::npos;
      if (has_large_map(term) || names_nodes(term) || (has_char_list && !sigils)) continue;
      asked.push_back(term);
    }
    Term answers = erl->ask(tuple({atom("inspect"), list(asked)}));
    ASSERT_EQ(answers.size(), asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      ASSERT_EQ(answers[i].as_binary(), to_elixir(asked[i])) << to_erlang(asked[i]);
    }
  });
}

TEST_F(ErlAgreement, every_form_of_encoding_is_read_by_erlang_and_here) {
  for_random_terms(5, [&](const std::vector<Term>& terms) {
    std::vector<Term> encoded;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      EncodeOptions options;
      options.compressed = static_cast<int>(i % 10);
      options.minor_version = static_cast<int>(i % 3);
      encoded.push_back(Term::binary(term_to_binary(terms[i], options)));
      auto back = binary_to_term(*encoded.back().as_binary());
      ASSERT_TRUE(back) << to_string(back.error().code) << " " << to_erlang(terms[i]);
      ASSERT_EQ(*back, terms[i]);
    }
    Term answers = erl->ask(tuple({atom("decode"), list(encoded)}));
    ASSERT_EQ(answers.size(), terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      ASSERT_EQ(answers[i], tuple({atoms::ok, terms[i]})) << to_erlang(terms[i]);
    }
  });
}

TEST_F(ErlAgreement, what_erlang_encodes_is_read_whatever_its_options) {
  const Term options[] = {list({tuple({atom("minor_version"), 0})}),
                          list({tuple({atom("minor_version"), 1})}),
                          list({tuple({atom("minor_version"), 2})}),
                          list({atom("compressed")}),
                          list({tuple({atom("compressed"), 9}), tuple({atom("minor_version"), 2})}),
                          list({atom("deterministic")})};
  for (const Term& option : options) {
    for_random_terms(6, [&](const std::vector<Term>& terms) {
      Term encoded = erl->ask(tuple({atom("encode"), option, list(terms)}));
      ASSERT_EQ(encoded.size(), terms.size());
      for (std::size_t i = 0; i < terms.size(); ++i) {
        auto back = binary_to_term(*encoded[i].as_binary());
        ASSERT_TRUE(back) << to_string(back.error().code) << " " << to_erlang(terms[i]);
        ASSERT_EQ(*back, terms[i]) << to_erlang(terms[i]);
      }
    });
  }
}

TEST_F(ErlAgreement, small_terms_are_encoded_to_the_same_bytes) {
  if (!writes_as_ours()) GTEST_SKIP() << "this Erlang is newer than OTP 25";
  Term option = list({tuple({atom("minor_version"), 2})});
  for_random_terms(7, [&](const std::vector<Term>& terms) {
    std::vector<Term> asked;
    for (const Term& term : terms) {
      if (!has_large_map(term) && !names_nodes(term)) asked.push_back(term);
    }
    Term encoded = erl->ask(tuple({atom("encode"), option, list(asked)}));
    ASSERT_EQ(encoded.size(), asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      ASSERT_EQ(encoded[i].as_binary(), term_to_binary(asked[i])) << to_erlang(asked[i]);
    }
  });
}

TEST_F(ErlAgreement, damaged_bytes_are_refused_where_erlang_refuses_them) {
  // Erlang skips some checks that Troupe makes, so only one direction is demanded: what is read
  // here is read there, and as the same term.
  Prng random{8};
  std::size_t read = 0;
  for (std::size_t left = test::term_count(2'000); left > 0 && !HasFailure();) {
    std::vector<Term> terms;
    std::vector<Term> bytes;
    for (std::size_t i = std::min(left, batch); i > 0; --i, --left) {
      std::string damaged = term_to_binary(test::random_term(random, 3));
      for (std::size_t n = 1 + random.below(3); n > 0; --n) {
        damaged[random.below(damaged.size())] = static_cast<char>(random.next());
      }
      auto term = binary_to_term(damaged);
      if (!term) continue;
      terms.push_back(*term);
      bytes.push_back(Term::binary(damaged));
    }
    Term answers = erl->ask(tuple({atom("decode"), list(bytes)}));
    ASSERT_EQ(answers.size(), terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i, ++read) {
      ASSERT_EQ(answers[i], tuple({atoms::ok, terms[i]}))
          << to_erlang(terms[i]) << " from " << to_erlang(bytes[i]);
    }
  }
  EXPECT_GT(read, 0u);
}

}  // namespace
}  // namespace troupe
