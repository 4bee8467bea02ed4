// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "security/certificate.hpp"

#include <cstdio>
#include <memory>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace greenroom {

namespace {

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

std::string text_of(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, Free> out{BIO_new(BIO_s_mem())};
  if (!out || ASN1_TIME_print(out.get(), time) != 1) return "?";
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::string problem_of_certificate(const std::string& file) {
  const std::unique_ptr<BIO, Free> in{BIO_new_file(file.c_str(), "r")};
  if (!in) return {};
  const std::unique_ptr<X509, Free> certificate{
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
  if (!certificate) return {};
  const ASN1_TIME* begin = X509_get0_notBefore(certificate.get());
  const ASN1_TIME* end = X509_get0_notAfter(certificate.get());
  if (X509_cmp_current_time(end) < 0) {
    return "the certificate " + file + " has expired on " + text_of(end);
  }
  if (X509_cmp_current_time(begin) > 0) {
    return "the certificate " + file + " is not valid before " + text_of(begin);
  }
  return {};
}

}  // namespace greenroom
