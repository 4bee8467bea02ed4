// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "security/secret_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include "security/digest.hpp"

namespace greenroom {

namespace {

std::unexpected<std::string> error(const std::string& file, const std::string& what) {
  return std::unexpected(file + ": " + what);
}

}  // namespace

std::expected<std::string, std::string> read_or_make_secret_file(const std::string& file,
                                                                 std::size_t bytes) {
  const int made = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0 && errno != EEXIST) return error(file, std::strerror(errno));
  if (made >= 0) {
    const std::string secret = random_bytes(bytes);
    const bool written =
        write(made, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
        fsync(made) == 0;
    const int failure = errno;
    close(made);
    if (!written) return error(file, std::strerror(failure));
    return secret;
  }
  std::ifstream in{file, std::ios::binary};
  std::string secret(bytes + 1, '\0');
  in.read(secret.data(), static_cast<std::streamsize>(secret.size()));
  if (static_cast<std::size_t>(in.gcount()) != bytes) {
    return error(file, "is not " + std::to_string(bytes) + " bytes long; restore it from a backup");
  }
  secret.resize(bytes);
  return secret;
}

}  // namespace greenroom
