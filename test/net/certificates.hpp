// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

namespace troupe::test {

// Keys and certificates made for one test run, as PEM files in a directory that goes with this
// object: an authority, and certificates it signed.
class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;

  std::string authority() const { return file("authority.pem"); }
  std::string file(const std::string& name) const { return directory_ + "/" + name; }

  // Writes NAME.pem and NAME.key: for that host name (or 127.0.0.1), valid from now and for so many
  // days; a negative number makes one that ended in the past.
  void issue(const std::string& name, const std::string& host, int days) const;

 private:
  std::string directory_;
};

}  // namespace troupe::test
