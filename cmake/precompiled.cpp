// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Empty: the target that owns a precompiled header needs a source.
