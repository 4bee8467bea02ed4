// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <troupe/net.hpp>

// TLS for processes: OpenSSL does the cryptography on memory buffers, our own streams carry the
// bytes, so a process in a handshake is parked like one in any other wait. A library of its own,
// troupe::tls; the core does not link OpenSSL.
//
//     auto context = net::TlsContext::server({.certificate = "cert.pem", .key = "key.pem"});
//     auto channel = co_await net::Channel::accept_tls(self, std::move(stream), *context, 10s);
//     if (!channel) log::warning("no handshake: {}", channel.error().text);
//
// TLS 1.2 and 1.3. Works in a simulation too, but OpenSSL draws its own random bytes, so a
// simulated run with TLS does not repeat bit for bit.
namespace troupe::net {

struct TlsServerOptions {
  std::string certificate;  // file, PEM: the server's certificate and the ones that signed it
  std::string key;          // file, PEM
  std::string client_ca;    // file, PEM; not empty: clients must show a certificate it signed
};

struct TlsClientOptions {
  std::string ca;           // file, PEM: whom to trust; empty: whom the system trusts
  std::string certificate;  // file, PEM; for servers that ask for one
  std::string key;          // file, PEM
};

// Keys and trust, read from files once and shared by any number of channels; copies are cheap. To
// take up renewed files make a new one: channels that are open keep theirs.
class TlsContext {
 public:
  TlsContext() noexcept = default;

  // Errors (kind tls): a file that cannot be read or is no PEM, a key that is not the
  // certificate's. The text names the file.
  static Result<TlsContext> server(const TlsServerOptions& options);
  static Result<TlsContext> client(const TlsClientOptions& options);

  // False: made by the default constructor.
  explicit operator bool() const noexcept { return shared_ != nullptr; }

 private:
  friend class Channel;
  struct Shared;
  std::shared_ptr<const Shared> shared_;
};

// A stream with TLS over it, or without: protocols are written against this and serve both. The
// verbs are those of Stream, and so is ownership.
class Channel {
 public:
  Channel() noexcept;
  explicit Channel(Stream stream) noexcept;  // without TLS
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;
  ~Channel();

  // The server's side of the handshake, within `timeout`. Errors: tls (no TLS at all, no version
  // or cipher in common, no certificate where one is asked for), timed_out, closed, reset.
  static Async<Result<Channel>> accept_tls(Process& self, Stream stream, TlsContext context,
                                           Duration timeout = infinity);
  // The client's. `server_name` is a host name or a numeric address, and must be in the server's
  // certificate, which must be valid now and lead to somebody trusted: otherwise kind tls, and the
  // text says which of these failed.
  static Async<Result<Channel>> connect_tls(Process& self, Stream stream, TlsContext context,
                                            std::string server_name, Duration timeout = infinity);

  const Address& peer() const noexcept { return stream_.peer(); }
  bool is_open() const noexcept { return stream_.is_open(); }
  bool is_encrypted() const noexcept { return tls_ != nullptr; }

  // At least one byte, or 0 at the end of the stream. With TLS an end that the peer did not
  // announce is the error `reset`: somebody may have cut the connection.
  Async<Result<std::size_t>> read(Process& self, std::span<char> into, Duration timeout = infinity);
  // All of it, and into the network: waits while the peer does not read.
  Async<Result<void>> write(Process& self, std::string_view bytes, Duration timeout = infinity);

  // Never waiting: would_block where the others would. What try_write took may still be held back
  // (with TLS, at most one record): the next try_write, readable or write sends it on.
  Result<std::size_t> try_read(std::span<char> into);
  Result<std::size_t> try_write(std::string_view bytes);
  // Until a read (or write) is worth trying. False: the timeout has passed.
  Async<bool> readable(Process& self, Duration timeout = infinity);
  Async<bool> writable(Process& self, Duration timeout = infinity);
  // As of Stream. Ask when try_read has said would_block.
  ReadNotice notify_readable(Process& self) { return stream_.notify_readable(self); }

  // The end of the stream for the peer; reading goes on.
  void shutdown_write() noexcept;
  void close() noexcept;

 private:
  struct Tls;
  Async<Result<void>> handshake(Process& self, Duration timeout);
  Result<void> send_held_back();

  Stream stream_;
  std::unique_ptr<Tls> tls_;  // null: without TLS
};

}  // namespace troupe::net

template <>
inline constexpr bool troupe::enable_message<troupe::net::TlsContext> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::net::Channel> = true;
