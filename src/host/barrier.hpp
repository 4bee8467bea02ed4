// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

namespace troupe {

// Makes every thread of the program pass a full memory fence before it returns: those that run are
// interrupted for it, those that do not have passed one. Who seldom looks at what others write
// often can have the fence on this side alone (base/epoch.hpp). False when the kernel does not do
// it, and then nothing has happened.
bool barrier_on_all_threads() noexcept;

// Announces that the program will ask for such barriers; false: the kernel has none (before Linux
// 4.14, or a sandbox forbids them). Takes 25 us in a program with one thread, and several hundred
// with others; asks the kernel once.
bool prepare_barriers() noexcept;

}  // namespace troupe
