#include "tests/service/nsock/tls_server.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>

namespace trawl::service::test {
namespace {

// One for all tests: making it takes longest.
EVP_PKEY* shared_key() {
  static EVP_PKEY* const key = EVP_RSA_gen(2048);
  return key;
}

X509* make_certificate(const TlsServer::Options& options) {
  X509* const certificate = X509_new();
  (void)X509_set_version(certificate, 2);
  (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), options.serial);
  (void)X509_gmtime_adj(X509_getm_notBefore(certificate), options.valid_from);
  (void)X509_gmtime_adj(X509_getm_notAfter(certificate), options.valid_to);
  (void)X509_set_pubkey(certificate, shared_key());
  X509_NAME* const name = X509_get_subject_name(certificate);
  // No kind of string that is checked: absurd names are wanted too.
  (void)X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_T61STRING,
                                   reinterpret_cast<const unsigned char*>(options.subject.data()),
                                   static_cast<int>(options.subject.size()), -1, 0);
  (void)X509_set_issuer_name(certificate, name);
  (void)X509_sign(certificate, shared_key(), EVP_sha256());
  return certificate;
}

int accept_any(int /*is_good*/, X509_STORE_CTX* /*store*/) { return 1; }

int choose_protocol(SSL* /*connection*/, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void* wanted) {
  const auto* const name = static_cast<const std::string*>(wanted);
  for (unsigned i = 0; i < in_size; i += 1U + in[i]) {
    if (std::string_view{reinterpret_cast<const char*>(in + i + 1), in[i]} != *name) continue;
    *out = in + i + 1;
    *out_size = in[i];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsServer::TlsServer(Options options)
    : options_{std::move(options)}, context_{SSL_CTX_new(TLS_server_method())} {
  SSL_CTX_set_security_level(context_, 0);
  (void)SSL_CTX_set_min_proto_version(context_, options_.lowest);
  (void)SSL_CTX_set_max_proto_version(context_, options_.highest);
  EXPECT_EQ(SSL_CTX_set_cipher_list(context_, options_.ciphers.c_str()), 1);
  certificate_ = make_certificate(options_);
  EXPECT_EQ(SSL_CTX_use_certificate(context_, certificate_), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context_, shared_key()), 1);
  (void)SSL_CTX_set_dh_auto(context_, 1);
  if (!options_.protocol.empty()) {
    SSL_CTX_set_alpn_select_cb(context_, choose_protocol, &options_.protocol);
  }
  if (options_.asks_for_certificate) {
    const int insists = options_.insists_on_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | insists, accept_any);
  }
  connection_ = SSL_new(context_);
  SSL_set_bio(connection_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(connection_);
}

TlsServer::~TlsServer() {
  SSL_free(connection_);
  X509_free(certificate_);
  SSL_CTX_free(context_);
}

void TlsServer::feed(std::string_view wire) {
  if (wire.empty()) return;
  (void)BIO_write(SSL_get_rbio(connection_), wire.data(), static_cast<int>(wire.size()));
}

std::string TlsServer::take_output() {
  BIO* const out = SSL_get_wbio(connection_);
  std::string bytes(BIO_ctrl_pending(out), '\0');
  if (!bytes.empty()) (void)BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

bool TlsServer::shake_hands() {
  ERR_clear_error();
  return SSL_do_handshake(connection_) == 1;
}

std::string TlsServer::read() {
  std::string text;
  std::array<char, 4096> bytes;
  ERR_clear_error();
  for (;;) {
    const int count = SSL_read(connection_, bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

void TlsServer::write(std::string_view plaintext) {
  EXPECT_EQ(SSL_write(connection_, plaintext.data(), static_cast<int>(plaintext.size())),
            static_cast<int>(plaintext.size()));
}

void TlsServer::close() { (void)SSL_shutdown(connection_); }

void TlsServer::renegotiate() {
  if (SSL_version(connection_) == TLS1_3_VERSION) {
    EXPECT_EQ(SSL_key_update(connection_, SSL_KEY_UPDATE_REQUESTED), 1);
  } else {
    EXPECT_EQ(SSL_renegotiate(connection_), 1);
  }
  (void)SSL_do_handshake(connection_);
}

bool TlsServer::renegotiates() const { return SSL_renegotiate_pending(connection_) == 1; }

std::string TlsServer::server_name() const {
  const char* const name = SSL_get_servername(connection_, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

std::string TlsServer::certificate() const {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate_, &der);
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace trawl::service::test
