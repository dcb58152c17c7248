#include "control/banners/client_hello.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "control/banners/banner_questions.h"
#include "control/banners/tls_record.h"

namespace trawl::control {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Freer<SSL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;

// What OpenSSL as a server of this version says to our hello.
std::string answer_of(int version) {
  const Context context{SSL_CTX_new(TLS_server_method())};
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  const Key key{EVP_RSA_gen(2048)};
  const Certificate certificate{X509_new()};
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  const Connection server{SSL_new(context.get())};
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(server.get(), in, out);
  const auto hello = client_hello();
  BIO_write(in, hello.data(), static_cast<int>(hello.size()));
  (void)SSL_accept(server.get());
  std::string answer(16384, '\0');
  const int size = BIO_read(out, answer.data(), static_cast<int>(answer.size()));
  answer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return answer;
}

TEST(ClientHello, EveryVersionOfTlsAnswersWithAServerHello) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    const std::string answer = answer_of(version);
    ASSERT_GT(answer.size(), 60U) << version;
    EXPECT_EQ(answer[0], '\x16') << version;  // Not an alert.
    EXPECT_TRUE(begins_as_tls(answer)) << version;
  }
}

TEST(ClientHello, NamesNoServerAndIsAlwaysTheSame) {
  const auto hello = client_hello();
  EXPECT_EQ(hello, client_hello());
  const std::string_view text{reinterpret_cast<const char*>(hello.data()), hello.size()};
  EXPECT_TRUE(is_client_hello(text));
  // Type 0 with the length of a list behind it would be server_name.
  const std::size_t extensions = 5 + 4 + 2 + 32 + 1 + 2 + 2 * 19 + 2 + 2;
  EXPECT_EQ(text.substr(extensions, 2), (std::string_view{"\x00\x0a", 2}));
  EXPECT_LE(hello.size(), 512U);
}

TEST(TlsRecord, IsKnownByItsHeader) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(begins_as_tls("\x16\x03\x03\x00\x7a\x02\x00\x00\x76"sv));
  EXPECT_TRUE(begins_as_tls("\x15\x03\x01\x00\x02\x02\x46"sv));
  EXPECT_TRUE(begins_as_tls("\x15\x03\x03\x00\x02\x01"sv));
  EXPECT_FALSE(begins_as_tls(""sv));
  EXPECT_FALSE(begins_as_tls("\x16\x03\x03\x00\x7a"sv));
  EXPECT_FALSE(begins_as_tls("\x16\x03\x01\x00\x7a\x01"sv));  // A ClientHello is an echo.
  EXPECT_FALSE(begins_as_tls("\x16\x03\x07\x00\x7a\x02"sv));
  EXPECT_FALSE(begins_as_tls("\x16\x03\x03\x00\x00\x02"sv));
  EXPECT_FALSE(begins_as_tls("\x16\x03\x03\x7f\xff\x02"sv));
  EXPECT_FALSE(begins_as_tls("\x15\x03\x03\x00\x05\x02\x46"sv));
  EXPECT_FALSE(begins_as_tls("SSH-2.0-OpenSSH_9.2\r\n"sv));
}

}  // namespace
}  // namespace trawl::control
