// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "security/value_cipher.hpp"

#include <charconv>
#include <fstream>
#include <memory>
#include <openssl/evp.h>
#include <sstream>
#include <stdexcept>

#include "security/digest.hpp"

namespace greenroom {

namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t head_bytes = 1 + 4 + nonce_bytes;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text, std::size_t at) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}

Context make_context() {
  Context context{EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  if (!context) throw std::bad_alloc{};
  return context;
}

void require(bool holds) {
  if (!holds) throw std::runtime_error{"OpenSSL cannot encrypt with AES-256-GCM"};
}

bool read_hexadecimal(std::string_view text, std::string& into) {
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != text.data() + i + 2) return false;
    into += static_cast<char>(byte);
  }
  return true;
}

}  // namespace

std::expected<ValueCipher, std::string> ValueCipher::from_file(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) return std::unexpected(file + ": cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), file);
}

std::expected<ValueCipher, std::string> ValueCipher::parse(std::string_view text,
                                                           const std::string& name) {
  ValueCipher cipher;
  std::istringstream lines{std::string{text}};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words{line.substr(0, line.find('#'))};
    std::string id;
    std::string digits;
    std::string more;
    if (!(words >> id)) continue;
    words >> digits >> more;
    Key key{};
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), key.number);
    if (error != std::errc{} || end != id.data() + id.size() || digits.size() != 64 ||
        !more.empty() || !read_hexadecimal(digits, key.bytes)) {
      return std::unexpected(name + ":" + std::to_string(number) +
                             ": a line is a number and 64 hexadecimal digits");
    }
    for (const Key& other : cipher.keys_) {
      if (other.number == key.number) {
        return std::unexpected(name + ":" + std::to_string(number) + ": key " + id +
                               " is there twice");
      }
    }
    cipher.keys_.push_back(std::move(key));
  }
  if (cipher.keys_.empty()) return std::unexpected(name + ": no key in it");
  return cipher;
}

std::string ValueCipher::encrypt(std::string_view storage_key, std::string_view value) const {
  const Key& key = keys_.front();
  std::string out;
  out.reserve(head_bytes + value.size() + tag_bytes);
  out += static_cast<char>(0xE1);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(key.number >> shift);
  out += random_bytes(nonce_bytes);
  out.resize(head_bytes + value.size() + tag_bytes);
  const Context context = make_context();
  int size = 0;
  require(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.bytes),
                             bytes_of(out, 5)) == 1);
  require(EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(storage_key),
                            static_cast<int>(storage_key.size())) == 1);
  require(EVP_EncryptUpdate(context.get(), bytes_of(out, head_bytes), &size, bytes_of(value),
                            static_cast<int>(value.size())) == 1);
  int rest = 0;
  require(EVP_EncryptFinal_ex(context.get(), bytes_of(out, head_bytes + value.size()), &rest) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes,
                              bytes_of(out, head_bytes + value.size())) == 1);
  return out;
}

std::expected<std::string, std::string> ValueCipher::decrypt(std::string_view storage_key,
                                                             std::string value) const {
  if (!is_encrypted(value)) return value;
  if (value.size() < head_bytes + tag_bytes) {
    return std::unexpected("an encrypted value is too short");
  }
  std::uint32_t number = 0;
  for (std::size_t i = 1; i < 5; ++i) {
    number = number << 8 | static_cast<unsigned char>(value[i]);
  }
  const Key* key = nullptr;
  for (const Key& each : keys_) {
    if (each.number == number) key = &each;
  }
  if (!key) {
    return std::unexpected("a value was encrypted with key " + std::to_string(number) +
                           ", which is not in the key file");
  }
  const std::size_t length = value.size() - head_bytes - tag_bytes;
  std::string out(length, '\0');
  const Context context = make_context();
  int size = 0;
  require(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key->bytes),
                             bytes_of(value, 5)) == 1);
  require(EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(storage_key),
                            static_cast<int>(storage_key.size())) == 1);
  require(EVP_DecryptUpdate(context.get(), bytes_of(out, 0), &size, bytes_of(value, head_bytes),
                            static_cast<int>(length)) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes,
                              bytes_of(value, head_bytes + length)) == 1);
  int rest = 0;
  unsigned char nothing = 0;
  if (EVP_DecryptFinal_ex(context.get(), &nothing, &rest) != 1) {
    return std::unexpected("a value does not fit its key file: it is damaged, or key " +
                           std::to_string(number) + " is not the one it was encrypted with");
  }
  return out;
}

}  // namespace greenroom
