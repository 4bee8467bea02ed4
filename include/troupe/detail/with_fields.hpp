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
  if constexpr (N == 1) {
    auto& [a] = object;
    if constexpr (requires { take_addresses(&a); })
      return visit(a);
    else
      return NoAddress{};
  } else if constexpr (N == 2) {
    auto& [a, b] = object;
    if constexpr (requires { take_addresses(&a, &b); })
      return visit(a, b);
    else
      return NoAddress{};
  } else if constexpr (N == 3) {
    auto& [a, b, c] = object;
    if constexpr (requires { take_addresses(&a, &b, &c); })
      return visit(a, b, c);
    else
      return NoAddress{};
  } else if constexpr (N == 4) {
    auto& [a, b, c, d] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d); })
      return visit(a, b, c, d);
    else
      return NoAddress{};
  } else if constexpr (N == 5) {
    auto& [a, b, c, d, e] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e); })
      return visit(a, b, c, d, e);
    else
      return NoAddress{};
  } else if constexpr (N == 6) {
    auto& [a, b, c, d, e, f] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f); })
      return visit(a, b, c, d, e, f);
    else
      return NoAddress{};
  } else if constexpr (N == 7) {
    auto& [a, b, c, d, e, f, g] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g); })
      return visit(a, b, c, d, e, f, g);
    else
      return NoAddress{};
  } else if constexpr (N == 8) {
    auto& [a, b, c, d, e, f, g, h] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g, &h); })
      return visit(a, b, c, d, e, f, g, h);
    else
      return NoAddress{};
  } else if constexpr (N == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i); })
      return visit(a, b, c, d, e, f, g, h, i);
    else
      return NoAddress{};
  } else if constexpr (N == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j); })
      return visit(a, b, c, d, e, f, g, h, i, j);
    else
      return NoAddress{};
  } else if constexpr (N == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k); })
      return visit(a, b, c, d, e, f, g, h, i, j, k);
    else
      return NoAddress{};
  } else if constexpr (N == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l); })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l);
    else
      return NoAddress{};
  } else if constexpr (N == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = object;
    if constexpr (requires { take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m); })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m);
    else
      return NoAddress{};
  } else if constexpr (N == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
    else
      return NoAddress{};
  } else if constexpr (N == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
    else
      return NoAddress{};
  } else if constexpr (N == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
    else
      return NoAddress{};
  } else if constexpr (N == 17) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
    else
      return NoAddress{};
  } else if constexpr (N == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
    else
      return NoAddress{};
  } else if constexpr (N == 19) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s);
    else
      return NoAddress{};
  } else if constexpr (N == 20) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
    else
      return NoAddress{};
  } else if constexpr (N == 21) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u);
    else
      return NoAddress{};
  } else if constexpr (N == 22) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v);
    else
      return NoAddress{};
  } else if constexpr (N == 23) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w);
    else
      return NoAddress{};
  } else if constexpr (N == 24) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x);
    else
      return NoAddress{};
  } else if constexpr (N == 25) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y);
    else
      return NoAddress{};
  } else if constexpr (N == 26) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z);
    else
      return NoAddress{};
  } else if constexpr (N == 27) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A] =
        object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z, &A);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A);
    else
      return NoAddress{};
  } else if constexpr (N == 28) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B] =
        object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z, &A, &B);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A,
                   B);
    else
      return NoAddress{};
  } else if constexpr (N == 29) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C] =
        object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z, &A, &B, &C);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A,
                   B, C);
    else
      return NoAddress{};
  } else if constexpr (N == 30) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C,
           D] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z, &A, &B, &C, &D);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A,
                   B, C, D);
    else
      return NoAddress{};
  } else if constexpr (N == 31) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D,
           E] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z, &A, &B, &C, &D, &E);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A,
                   B, C, D, E);
    else
      return NoAddress{};
  } else if constexpr (N == 32) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D,
           E, F] = object;
    if constexpr (requires {
                    take_addresses(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p,
                                   &q, &r, &s, &t, &u, &v, &w, &x, &y, &z, &A, &B, &C, &D, &E, &F);
                  })
      return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A,
                   B, C, D, E, F);
    else
      return NoAddress{};
  }
}

}  // namespace troupe::detail
