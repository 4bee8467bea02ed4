// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// Encrypts what is stored, so that who reads the disk (or a snapshot) learns no payload:
// AES-256-GCM with a random nonce per value, and the storage key as associated data, so that a
// value cannot be put under another session. Keys themselves, times and sizes stay readable.
//
//   offset  bytes
//        0  1   0xE1: an encrypted value (a plain one begins with its layout's version, 1)
//        1  4   number of the key, big-endian
//        5  12  nonce
//       17      ciphertext
//      end  16  tag
//
// Random nonces of 96 bits are safe for 2^32 values under one key (NIST SP 800-38D, 8.3); a store
// that writes more than a thousand values a second all day should get a new key each month.
//
// Keys come from a file, a line each: a number and 64 hexadecimal digits; '#' begins a comment. The
// first is written with, all are read with. To rotate, put a new line in front: values take the
// new key as they are written next, and once the snapshots that need it are gone the old line may
// go. Values that were stored without encryption stay readable, and are encrypted as they are
// written.
class ValueCipher {
 public:
  // Errors are sentences that name the file and the line.
  static std::expected<ValueCipher, std::string> from_file(const std::string& file);
  static std::expected<ValueCipher, std::string> parse(std::string_view text,
                                                       const std::string& name);

  std::string encrypt(std::string_view storage_key, std::string_view value) const;
  // Of an encrypted value, or of a plain one, which is given back as it is. Errors: no such key, or
  // not what was written.
  std::expected<std::string, std::string> decrypt(std::string_view storage_key,
                                                  std::string value) const;

  static bool is_encrypted(std::string_view value) {
    return !value.empty() && static_cast<unsigned char>(value.front()) == 0xE1;
  }

 private:
  struct Key {
    std::uint32_t number;
    std::string bytes;
  };
  std::vector<Key> keys_;  // the first is written with
};

}  // namespace greenroom
