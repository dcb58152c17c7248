#include "service/nsock/tls_stream.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ip.h"

namespace trawl::service {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* what) const noexcept {
    Free(what);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Freed<SSL_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bytes = std::unique_ptr<BIO, Freed<BIO_free>>;

// Nobody is trusted, so nobody's certificate is looked into.
int accept_any(X509_STORE_CTX* /*store*/, void* /*unused*/) { return 1; }

Context make_context() {
  // The system's configuration would forbid what old servers need.
  (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  Context context{SSL_CTX_new(TLS_client_method())};
  if (!context) return context;
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_security_level(raw, 0);
  (void)SSL_CTX_set_min_proto_version(raw, TLS1_VERSION);
  (void)SSL_CTX_set_max_proto_version(raw, 0);
  // All there is, last what has no certificates or no encryption.
  (void)SSL_CTX_set_cipher_list(raw, "ALL:+aNULL:eNULL:@SECLEVEL=0");
  (void)SSL_CTX_set_options(raw, SSL_OP_ALL | SSL_OP_LEGACY_SERVER_CONNECT |
                                     SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
  (void)SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, accept_any, nullptr);
  (void)SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  return context;
}

// One for the process: it is the costly part.
SSL_CTX* shared_context() {
  static const Context context = make_context();
  return context.get();
}

// "Why the library says no: `wrong version number`". Empties its queue.
std::string take_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : code == 0 ? "no reason" : fmt::format("error {:x}", code);
}

Result<void> name_server(SSL* connection, std::string name) {
  if (name.ends_with('.')) name.pop_back();
  if (name.empty() || IpAddress::parse(name)) return {};
  if (name.size() > TLSEXT_MAXLEN_host_name || name.find('\0') != std::string::npos) {
    return fail(ExitCode::Usage, "A server name for TLS is too long.");
  }
  (void)SSL_set_tlsext_host_name(connection, name.c_str());
  return {};
}

Result<void> offer_protocols(SSL* connection, const std::vector<std::string>& protocols) {
  if (protocols.empty()) return {};
  std::string list;  // Each after its length (RFC 7301 section 3.1).
  for (const std::string& each : protocols) {
    if (each.empty() || each.size() > 255) {
      return fail(ExitCode::Usage, "A protocol of ALPN has 1 to 255 bytes.");
    }
    list += static_cast<char>(each.size());
    list += each;
  }
  if (list.size() > 65'535 ||
      SSL_set_alpn_protos(connection, reinterpret_cast<const unsigned char*>(list.data()),
                          static_cast<unsigned>(list.size())) != 0) {
    return fail(ExitCode::Usage, "There are too many protocols for ALPN.");
  }
  return {};
}

}  // namespace

struct TlsStream::Impl {
  Connection connection;
  BIO* in = nullptr;  // The connection's, as is...
  BIO* out = nullptr;
};

TlsStream::TlsStream(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

TlsStream::~TlsStream() = default;

Result<std::unique_ptr<TlsStream>> TlsStream::make(const TlsSettings& settings) {
  SSL_CTX* const context = shared_context();
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  if (context != nullptr) impl->connection.reset(SSL_new(context));
  Bytes in{BIO_new(BIO_s_mem())};
  Bytes out{BIO_new(BIO_s_mem())};
  if (!impl->connection || !in || !out) {
    return fail(ExitCode::Runtime, fmt::format("OpenSSL gives no connection: {}.", take_reason()));
  }
  impl->in = in.get();
  impl->out = out.get();
  SSL* const connection = impl->connection.get();
  SSL_set_bio(connection, in.release(), out.release());
  SSL_set_connect_state(connection);
  if (auto named = name_server(connection, settings.server_name); !named) {
    return tl::unexpected{named.error()};
  }
  if (auto offered = offer_protocols(connection, settings.protocols); !offered) {
    return tl::unexpected{offered.error()};
  }
  std::unique_ptr<TlsStream> stream{new TlsStream{std::move(impl)}};
  stream->step();
  return stream;
}

std::size_t TlsStream::room() const noexcept {
  if (state_ == State::Failed || state_ == State::Ended) return kMostInput;  // It is dropped.
  if (BIO_ctrl_pending(impl_->out) >= kMostOutput) return 0;
  return kMostInput - std::min(kMostInput, BIO_ctrl_pending(impl_->in));
}

std::size_t TlsStream::feed(std::string_view wire) {
  if (state_ == State::Failed || state_ == State::Ended) return wire.size();
  wire = wire.substr(0, room());
  if (wire.empty()) return 0;
  if (first_byte_ < 0) first_byte_ = static_cast<unsigned char>(wire.front());
  const int taken = BIO_write(impl_->in, wire.data(), static_cast<int>(wire.size()));
  step();
  return taken > 0 ? static_cast<std::size_t>(taken) : 0;
}

void TlsStream::feed_end() {
  has_ended_ = true;
  (void)BIO_set_mem_eof_return(impl_->in, 0);
  step();
}

bool TlsStream::has_output() const noexcept { return BIO_ctrl_pending(impl_->out) > 0; }

std::string TlsStream::take_output() {
  std::string out(BIO_ctrl_pending(impl_->out), '\0');
  if (out.empty()) return out;
  const int count = BIO_read(impl_->out, out.data(), static_cast<int>(out.size()));
  out.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  if (!unwritten_.empty()) step();
  return out;
}

std::string TlsStream::take_plaintext() {
  if (plaintext_.empty()) step();
  return std::exchange(plaintext_, {});
}

bool TlsStream::write(std::string_view plaintext) {
  if (state_ == State::Failed) return false;
  unwritten_ += plaintext;
  step();
  return state_ != State::Failed;
}

void TlsStream::close() {
  if (!was_open_ || state_ == State::Failed) return;
  ERR_clear_error();
  (void)SSL_shutdown(impl_->connection.get());
  ERR_clear_error();
}

void TlsStream::step() {
  ERR_clear_error();
  if (state_ == State::Handshake) shake_hands();
  // In this order: what a renegotiation holds back, writing goes on with as soon as it can.
  if (state_ == State::Open) write_records();
  if (state_ == State::Open) read_records();
}

void TlsStream::shake_hands() {
  const int result = SSL_do_handshake(impl_->connection.get());
  if (result == 1) {
    state_ = State::Open;
    was_open_ = true;
    return;
  }
  fail_with(result, "The TLS handshake failed");
}

void TlsStream::read_records() {
  SSL* const connection = impl_->connection.get();
  std::array<char, 16'384> bytes;  // A record holds no more (RFC 8446 section 5.1).
  while (plaintext_.size() < kMostPlaintext) {
    const int count = SSL_read(connection, bytes.data(), static_cast<int>(bytes.size()));
    if (SSL_total_renegotiations(connection) > kMostRenegotiations) {
      state_ = State::Failed;
      trouble_ = "The server wants one TLS handshake after the other.";
      return;
    }
    if (count <= 0) {
      fail_with(count, "The TLS connection failed");
      return;
    }
    plaintext_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

void TlsStream::write_records() {
  std::size_t written = 0;
  while (written < unwritten_.size() && BIO_ctrl_pending(impl_->out) < kMostOutput) {
    const auto some = std::min<std::size_t>(unwritten_.size() - written, 1U << 20U);
    const int count =
        SSL_write(impl_->connection.get(), unwritten_.data() + written, static_cast<int>(some));
    if (count <= 0) {
      fail_with(count, "The TLS connection failed");
      break;
    }
    written += static_cast<std::size_t>(count);
  }
  unwritten_.erase(0, written);
}

// Nothing fails where bytes are merely awaited.
void TlsStream::fail_with(int result, std::string_view what) {
  const int error = SSL_get_error(impl_->connection.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  if (state_ != State::Handshake && error == SSL_ERROR_ZERO_RETURN) {
    state_ = State::Ended;
    ERR_clear_error();
    return;
  }
  const bool is_tls = first_byte_ >= SSL3_RT_CHANGE_CIPHER_SPEC && first_byte_ <= SSL3_RT_HANDSHAKE;
  const bool has_reason = ERR_peek_error() != 0;
  std::string reason = take_reason();
  if (state_ == State::Handshake && first_byte_ >= 0 && !is_tls) {
    reason = "the server answers what is no TLS";
  } else if (has_ended_ && (!has_reason || error == SSL_ERROR_ZERO_RETURN)) {
    reason = "the server closed the connection";
  }
  state_ = State::Failed;
  trouble_ = fmt::format("{}: {}.", what, reason);
}

TlsDetails TlsStream::details() const {
  TlsDetails details;
  if (!was_open_) return details;
  const SSL* const connection = impl_->connection.get();
  details.version = SSL_get_version(connection);
  if (const SSL_CIPHER* const cipher = SSL_get_current_cipher(connection)) {
    const char* const name = SSL_CIPHER_standard_name(cipher);  // IANA's.
    details.cipher = name != nullptr ? name : SSL_CIPHER_get_name(cipher);
  }
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(connection, &protocol, &length);
  if (protocol != nullptr) details.protocol.assign(protocol, protocol + length);
  if (const Certificate certificate{SSL_get1_peer_certificate(connection)}) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size > 0) details.certificate.assign(der, der + size);
    OPENSSL_free(der);
  }
  return details;
}

}  // namespace trawl::service
