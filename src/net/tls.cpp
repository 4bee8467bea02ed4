// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// OpenSSL never sees a socket: it reads ciphertext from one memory buffer and writes it to another,
// and this file moves both to and from the Stream. Its error queue is a thread's and a process may
// change threads at every co_await, so each failure is put into words right where it happens.
#include <algorithm>
#include <array>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <troupe/detail/caller_place.hpp>
#include <troupe/tls.hpp>

#include "net/deadline.hpp"

namespace troupe::net {

namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // the most plaintext a TLS record holds

struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

Error tls_error(std::string text) { return Error{ErrorKind::tls, std::move(text)}; }

// The oldest error of this thread's queue in words, which is the cause of the others; empties it.
std::string openssl_text() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  if (reason) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

std::unexpected<Error> file_error(const char* what, const std::string& file) {
  return std::unexpected{tls_error(std::string{what} + " " + file + ": " + openssl_text())};
}

Result<void> load_identity(SSL_CTX* context, const std::string& certificate,
                           const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return file_error("the certificate", certificate);
  }
  // Checks also that the key is the certificate's.
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return file_error("the key", key);
  }
  return {};
}

bool is_numeric(const std::string& host) {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

struct TlsContext::Shared {
  std::unique_ptr<SSL_CTX, FreeContext> context;
};

Result<TlsContext> TlsContext::server(const TlsServerOptions& options) {
  ERR_clear_error();
  auto shared = std::make_shared<Shared>();
  shared->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = shared->context.get();
  if (!context) return std::unexpected{tls_error(openssl_text())};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A client must not make the server repeat the dear part of the handshake.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  auto loaded = load_identity(context, options.certificate, options.key);
  if (!loaded) return std::unexpected{std::move(loaded.error())};
  if (!options.client_ca.empty()) {
    const char* file = options.client_ca.c_str();
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file);
    if (!names || SSL_CTX_load_verify_locations(context, file, nullptr) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return file_error("the client CA", options.client_ca);
    }
    SSL_CTX_set_client_CA_list(context, names);  // owns the names from here on
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  // Sessions that are resumed must belong to this server, also where client certificates are asked.
  static constexpr unsigned char session_id[] = {'t', 'r', 'o', 'u', 'p', 'e'};
  SSL_CTX_set_session_id_context(context, session_id, sizeof session_id);
  TlsContext result;
  result.shared_ = std::move(shared);
  return result;
}

Result<TlsContext> TlsContext::client(const TlsClientOptions& options) {
  ERR_clear_error();
  auto shared = std::make_shared<Shared>();
  shared->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = shared->context.get();
  if (!context) return std::unexpected{tls_error(openssl_text())};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int trusted = options.ca.empty()
                          ? SSL_CTX_set_default_verify_paths(context)
                          : SSL_CTX_load_verify_locations(context, options.ca.c_str(), nullptr);
  if (trusted != 1) return file_error("the CA", options.ca);
  if (!options.certificate.empty()) {
    auto loaded = load_identity(context, options.certificate, options.key);
    if (!loaded) return std::unexpected{std::move(loaded.error())};
  }
  TlsContext result;
  result.shared_ = std::move(shared);
  return result;
}

// --- Channel.

struct Channel::Tls {
  explicit Tls(TlsContext owner, SSL_CTX* context)
      : keep{std::move(owner)}, ssl{SSL_new(context)}, in{BIO_new(BIO_s_mem())} {
    out = BIO_new(BIO_s_mem());
    // An empty buffer means "later", not "the end".
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl.get(), in, out);
    SSL_set_mode(ssl.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  // Why the last operation did not succeed; would_block: ciphertext is missing.
  Error why(int result) {
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return Error{ErrorKind::would_block, "ciphertext is missing"};
      case SSL_ERROR_ZERO_RETURN:
        return Error{ErrorKind::closed, "the peer has ended the TLS session"};
      default: {
        const long verdict = SSL_get_verify_result(ssl.get());
        std::string text = openssl_text();
        if (verdict != X509_V_OK) {
          text = "the peer's certificate is refused: ";
          text += X509_verify_cert_error_string(verdict);
        }
        return tls_error(std::move(text));
      }
    }
  }

  TlsContext keep;
  std::unique_ptr<SSL, FreeSsl> ssl;
  BIO* in;  // both owned by ssl
  BIO* out;
  std::string held_back;  // ciphertext the stream has not taken yet
};

Channel::Channel() noexcept = default;
Channel::Channel(Stream stream) noexcept : stream_{std::move(stream)} {}
Channel::Channel(Channel&& other) noexcept = default;
Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(stream_, other.stream_);
  std::swap(tls_, other.tls_);
  return *this;
}
Channel::~Channel() { close(); }

// would_block while the stream does not take all of it.
Result<void> Channel::send_held_back() {
  Tls& tls = *tls_;
  if (const std::size_t more = BIO_ctrl_pending(tls.out); more > 0) {
    const std::size_t before = tls.held_back.size();
    tls.held_back.resize(before + more);
    BIO_read(tls.out, tls.held_back.data() + before, static_cast<int>(more));
  }
  while (!tls.held_back.empty()) {
    auto count = stream_.try_write(tls.held_back);
    if (!count) return std::unexpected{std::move(count.error())};
    tls.held_back.erase(0, *count);
  }
  return {};
}

namespace {

// Moves ciphertext from the stream to OpenSSL. 0: the stream has ended.
Result<std::size_t> pull(Stream& stream, BIO* in) {
  std::array<char, record_bytes> ciphertext;
  auto count = stream.try_read(ciphertext);
  if (count && *count > 0) BIO_write(in, ciphertext.data(), static_cast<int>(*count));
  return count;
}

}  // namespace

Async<Result<void>> Channel::handshake(Process& self, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  Deadline deadline{timeout};
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_->ssl.get());
    const Error why = result == 1 ? Error{} : tls_->why(result);
    // Also what is said after a failure: the alert that tells the peer.
    auto sent = send_held_back();
    if (result != 1 && why.kind != ErrorKind::would_block) co_return std::unexpected{why};
    bool ready = true;
    if (!sent) {
      if (sent.error().kind != ErrorKind::would_block) co_return std::unexpected{sent.error()};
      ready = co_await place(stream_.writable(self, deadline.left(self)));
    } else if (result == 1) {
      co_return Result<void>{};
    } else {
      auto count = pull(stream_, tls_->in);
      if (count && *count == 0) {
        co_return std::unexpected{Error{ErrorKind::closed, "closed during the TLS handshake"}};
      }
      if (!count) {
        if (count.error().kind != ErrorKind::would_block) co_return std::unexpected{count.error()};
        ready = co_await place(stream_.readable(self, deadline.left(self)));
      }
    }
    if (!ready) {
      co_return std::unexpected{Error{ErrorKind::timed_out, "no TLS handshake in time"}};
    }
  }
}

Async<Result<Channel>> Channel::accept_tls(Process& self, Stream stream, TlsContext context,
                                           Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  Channel channel{std::move(stream)};
  SSL_CTX* shared = context.shared_->context.get();
  channel.tls_ = std::make_unique<Tls>(std::move(context), shared);
  SSL_set_accept_state(channel.tls_->ssl.get());
  auto done = co_await place(channel.handshake(self, timeout));
  if (!done) co_return std::unexpected{std::move(done.error())};
  co_return std::move(channel);
}

Async<Result<Channel>> Channel::connect_tls(Process& self, Stream stream, TlsContext context,
                                            std::string server_name, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  Channel channel{std::move(stream)};
  SSL_CTX* shared = context.shared_->context.get();
  channel.tls_ = std::make_unique<Tls>(std::move(context), shared);
  SSL* ssl = channel.tls_->ssl.get();
  SSL_set_connect_state(ssl);
  if (is_numeric(server_name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name.c_str());
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, server_name.c_str());
    SSL_set_tlsext_host_name(ssl, server_name.c_str());
  }
  auto done = co_await place(channel.handshake(self, timeout));
  if (!done) co_return std::unexpected{std::move(done.error())};
  co_return std::move(channel);
}

Result<std::size_t> Channel::try_read(std::span<char> into) {
  if (!tls_) return stream_.try_read(into);
  for (;;) {
    ERR_clear_error();
    const int wanted = static_cast<int>(std::min(into.size(), record_bytes));
    const int result = SSL_read(tls_->ssl.get(), into.data(), wanted);
    const Error why = result > 0 ? Error{} : tls_->why(result);
    // Reading may have made OpenSSL say something (key updates, alerts); it goes when it can.
    auto sent = send_held_back();
    if (!sent && sent.error().kind != ErrorKind::would_block) {
      return std::unexpected{std::move(sent.error())};
    }
    if (result > 0) return static_cast<std::size_t>(result);
    if (why.kind == ErrorKind::closed) return std::size_t{0};
    if (why.kind != ErrorKind::would_block) return std::unexpected{why};
    auto count = pull(stream_, tls_->in);
    if (!count) return std::unexpected{std::move(count.error())};
    if (*count == 0) {
      return std::unexpected{Error{ErrorKind::reset, "the connection was cut within TLS"}};
    }
  }
}

Result<std::size_t> Channel::try_write(std::string_view bytes) {
  if (!tls_) return stream_.try_write(bytes);
  auto sent = send_held_back();
  if (!sent) return std::unexpected{std::move(sent.error())};
  if (bytes.empty()) return std::size_t{0};
  ERR_clear_error();
  const int wanted = static_cast<int>(std::min(bytes.size(), record_bytes));
  const int result = SSL_write(tls_->ssl.get(), bytes.data(), wanted);
  if (result <= 0) return std::unexpected{tls_->why(result)};
  sent = send_held_back();
  if (!sent && sent.error().kind != ErrorKind::would_block) {
    return std::unexpected{std::move(sent.error())};
  }
  return static_cast<std::size_t>(result);
}

Async<bool> Channel::readable(Process& self, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  if (tls_) {
    if (SSL_pending(tls_->ssl.get()) > 0) co_return true;
    Deadline deadline{timeout};
    while (true) {
      auto sent = send_held_back();
      if (sent || sent.error().kind != ErrorKind::would_block) break;
      const bool ready = co_await place(stream_.writable(self, deadline.left(self)));
      if (!ready) co_return false;
    }
    timeout = deadline.left(self);
  }
  co_return co_await place(stream_.readable(self, timeout));
}

Async<bool> Channel::writable(Process& self, Duration timeout) {
  return stream_.writable(self, timeout);
}

Async<Result<std::size_t>> Channel::read(Process& self, std::span<char> into, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  Deadline deadline{timeout};
  for (;;) {
    auto count = try_read(into);
    if (count || count.error().kind != ErrorKind::would_block) co_return count;
    const bool ready = co_await place(readable(self, deadline.left(self)));
    if (!ready) co_return std::unexpected{Error{ErrorKind::timed_out, "timed out"}};
  }
}

Async<Result<void>> Channel::write(Process& self, std::string_view bytes, Duration timeout) {
  const troupe::detail::CallerPlace place{self};
  Deadline deadline{timeout};
  while (!bytes.empty() || (tls_ && !tls_->held_back.empty())) {
    auto count = try_write(bytes);
    if (count) {
      bytes.remove_prefix(*count);
      continue;
    }
    if (count.error().kind != ErrorKind::would_block) {
      co_return std::unexpected{std::move(count.error())};
    }
    const bool ready = co_await place(writable(self, deadline.left(self)));
    if (!ready) co_return std::unexpected{Error{ErrorKind::timed_out, "timed out"}};
  }
  co_return Result<void>{};
}

void Channel::shutdown_write() noexcept {
  if (tls_) {
    ERR_clear_error();
    SSL_shutdown(tls_->ssl.get());
    ERR_clear_error();
    (void)send_held_back();  // as far as it goes: nobody waits here
  }
  stream_.shutdown_write();
}

void Channel::close() noexcept {
  if (tls_ && stream_.is_open()) {
    ERR_clear_error();
    if (SSL_is_init_finished(tls_->ssl.get())) SSL_shutdown(tls_->ssl.get());
    ERR_clear_error();
    (void)send_held_back();
  }
  tls_.reset();
  stream_.close();
}

}  // namespace troupe::net
