// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>

// Structured bindings for every number of fields, spelt out because C++23 has no packs of them.
namespace troupe::detail {

inline constexpr std::size_t max_struct_fields = 32;

// What with_fields gives where a field is a bit-field, which has no address.
struct NoAddress {};

template <class... F>
void take_addresses(F*... fields);  // never defined: only asked whether it could be called

// Calls visit with a reference to each of the N fields of object.
template <std::size_t N, class T, class Visit>
constexpr auto with_fields(T& object, const Visit& visit) {
  static_assert(N >= 1 && N <= max_struct_fields);
  // clang-format off
#define TROUPE_LIST(...) __VA_ARGS__
#define TROUPE_FIELDS(count, fields, addresses)                                                  \
  if constexpr (N == (count)) {                                                                  \
    auto& [TROUPE_LIST fields] = object;                                                         \
    if constexpr (requires { take_addresses addresses; }) return visit fields;                   \
    else return NoAddress{};                                                                     \
  }
  TROUPE_FIELDS(1, (a), (&a))
  TROUPE_FIELDS(2, (a, b), (&a, &b))
  TROUPE_FIELDS(3, (a, b, c), (&a, &b, &c))
  TROUPE_FIELDS(4, (a, b, c, d), (&a, &b, &c, &d))
  TROUPE_FIELDS(5, (a, b, c, d, e), (&a, &b, &c, &d, &e))
  TROUPE_FIELDS(6, (a, b, c, d, e, f), (&a, &b, &c, &d, &e, &f))
  TROUPE_FIELDS(7, (a, b, c, d, e, f, g), (&a, &b, &c, &d, &e, &f, &g))
  TROUPE_FIELDS(8, (a, b, c, d, e, f, g, h), (&a, &b, &c, &d, &e, &f, &g, &h))
  TROUPE_FIELDS(9, (a, b, c, d, e, f, g, h, i), (&a, &b, &c, &d, &e, &f, &g, &h, &i))
  TROUPE_FIELDS(10, (a, b, c, d, e, f, g, h, i, j), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j))
  TROUPE_FIELDS(11, (a, b, c, d, e, f, g, h, i, j, k), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j,
      &k))
  TROUPE_FIELDS(12, (a, b, c, d, e, f, g, h, i, j, k, l), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j,
      &k, &l))
  TROUPE_FIELDS(13, (a, b, c, d, e, f, g, h, i, j, k, l, m), (&a, &b, &c, &d, &e, &f, &g, &h, &i,
      &j, &k, &l, &m))
  TROUPE_FIELDS(14, (a, b, c, d, e, f, g, h, i, j, k, l, m, n), (&a, &b, &c, &d, &e, &f, &g, &h,
      &i, &j, &k, &l, &m, &n))
  TROUPE_FIELDS(15, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o), (&a, &b, &c, &d, &e, &f, &g,
      &h, &i, &j, &k, &l, &m, &n, &o))
  TROUPE_FIELDS(16, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p), (&a, &b, &c, &d, &e, &f, &g,
      &h, &i, &j, &k, &l, &m, &n, &o, &p))
  TROUPE_FIELDS(17, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q), (&a, &b, &c, &d, &e, &f,
      &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q))
  TROUPE_FIELDS(18, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r), (&a, &b, &c, &d, &e,
      &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r))
  TROUPE_FIELDS(19, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s), (&a, &b, &c, &d,
      &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s))
  TROUPE_FIELDS(20, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t), (&a, &b, &c, &d,
      &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t))
  TROUPE_FIELDS(21, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u), (&a, &b, &c,
      &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u))
  TROUPE_FIELDS(22, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v), (&a, &b,
      &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v))
  TROUPE_FIELDS(23, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w), (&a,
      &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v, &w))
  TROUPE_FIELDS(24, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x), (&a,
      &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v, &w, &x))
  TROUPE_FIELDS(25, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y),
      (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v, &w,
      &x, &y))
  TROUPE_FIELDS(26, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y,
      z), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v,
      &w, &x, &y, &z))
  TROUPE_FIELDS(27, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
      A), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u, &v,
      &w, &x, &y, &z, &A))
  TROUPE_FIELDS(28, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
      A, B), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t, &u,
      &v, &w, &x, &y, &z, &A, &B))
  TROUPE_FIELDS(29, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
      A, B, C), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s, &t,
      &u, &v, &w, &x, &y, &z, &A, &B, &C))
  TROUPE_FIELDS(30, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
      A, B, C, D), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s,
      &t, &u, &v, &w, &x, &y, &z, &A, &B, &C, &D))
  TROUPE_FIELDS(31, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
      A, B, C, D, E), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s,
      &t, &u, &v, &w, &x, &y, &z, &A, &B, &C, &D, &E))
  TROUPE_FIELDS(32, (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
      A, B, C, D, E, F), (&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r,
      &s, &t, &u, &v, &w, &x, &y, &z, &A, &B, &C, &D, &E, &F))
#undef TROUPE_FIELDS
#undef TROUPE_LIST
  // clang-format on
}

}  // namespace troupe::detail
