// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "net/certificates.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdexcept>

namespace troupe::test {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
struct Close {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error{what};
}

File open(const std::string& path, const char* mode) {
  File file{std::fopen(path.c_str(), mode)};
  require(file != nullptr, "cannot open a PEM file");
  return file;
}

void write(const std::string& stem, X509* certificate, EVP_PKEY* key) {
  require(PEM_write_X509(open(stem + ".pem", "w").get(), certificate) == 1, "PEM");
  const File file = open(stem + ".key", "w");
  require(PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "PEM");
}

void extend(X509* certificate, int what, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
  require(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make(const std::string& name, EVP_PKEY* key, int days) {
  Certificate certificate{X509_new(), &X509_free};
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), std::rand() + 1L);
  constexpr long day = 24 * 60 * 60;
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), days < 0 ? 2 * days * day : -day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * day);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

Certificates::Certificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "troupe-tls-XXXXXX").string();
  require(mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  directory_ = pattern;
  const Key key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  const Certificate certificate = make("Troupe test authority of " + directory_, key.get(), 10);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0, "sign");
  write(directory_ + "/authority", certificate.get(), key.get());
}

Certificates::~Certificates() { std::filesystem::remove_all(directory_); }

void Certificates::issue(const std::string& name, const std::string& host, int days) const {
  const Certificate authority{
      PEM_read_X509(open(file("authority.pem"), "r").get(), nullptr, nullptr, nullptr), &X509_free};
  const Key authority_key{
      PEM_read_PrivateKey(open(file("authority.key"), "r").get(), nullptr, nullptr, nullptr),
      &EVP_PKEY_free};
  const Key key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  const Certificate certificate = make(host, key.get(), days);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority.get()));
  const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
  extend(certificate.get(), NID_subject_alt_name, (is_address ? "IP:" : "DNS:") + host);
  require(X509_sign(certificate.get(), authority_key.get(), EVP_sha256()) != 0, "sign");
  write(file(name), certificate.get(), key.get());
}

}  // namespace troupe::test
