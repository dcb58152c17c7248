#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace trawl::service::test {

// The server's end of TLS, memory to memory.
class TlsServer {
 public:
  struct Options {
    int lowest = 0;  // TLS1_VERSION...; 0 for any.
    int highest = 0;
    std::string ciphers = "ALL:@SECLEVEL=0";
    std::string protocol{};  // Of ALPN, the one it takes.
    bool asks_for_certificate = false;
    bool insists_on_certificate = false;
    long valid_from = -3600;  // Of its certificate, in seconds from now.
    long valid_to = 3600;
    std::string subject = "server.example";
    long serial = 1;
  };

  explicit TlsServer(Options options);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  void feed(std::string_view wire);
  [[nodiscard]] std::string take_output();
  // Goes on with the handshake; true once it is over.
  bool shake_hands();
  [[nodiscard]] std::string read();
  void write(std::string_view plaintext);
  void close();
  // Asks the client for another handshake (TLS 1.2), or for new keys (TLS 1.3).
  void renegotiate();
  [[nodiscard]] bool renegotiates() const;
  [[nodiscard]] std::string server_name() const;  // What the client asked for.
  [[nodiscard]] std::string certificate() const;  // DER.
  [[nodiscard]] SSL* connection() const noexcept { return connection_; }

 private:
  Options options_;
  SSL_CTX* context_ = nullptr;
  SSL* connection_ = nullptr;
  X509* certificate_ = nullptr;
};

}  // namespace trawl::service::test
