#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "service/nsock/event.h"

namespace trawl::service {

// A client's end of a TLS connection without a socket: bytes of the wire in and out, plain bytes in
// and out. It is made to talk to whoever is there: TLS 1.0 to 1.3, every cipher that the library
// has, any certificate, servers without RFC 5746, connections that end without close_notify.
//
// What it holds is bounded: a full stream takes no more bytes until some are taken from it.
//
// Thread: one user.
class TlsStream {
 public:
  static constexpr std::size_t kMostInput = 65'536;      // Of the wire, not decrypted.
  static constexpr std::size_t kMostPlaintext = 65'536;  // And what a record holds.
  static constexpr std::size_t kMostOutput = 262'144;    // Not taken; then no input is taken.
  static constexpr int kMostRenegotiations = 16;

  enum class State : std::uint8_t {
    Handshake,
    Open,
    Ended,  // By the server. What is decrypted is still to be taken.
    Failed  // trouble() says why. What was decrypted before is still to be taken.
  };

  // Fails with Usage when a protocol of ALPN is empty or over 255 bytes, with Runtime when the
  // library gives nothing. A server name that is an address is not sent (RFC 6066 section 3).
  [[nodiscard]] static Result<std::unique_ptr<TlsStream>> make(const TlsSettings& settings);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Takes bytes that came, as many as room() says; how many is returned. The others are to be
  // given again when bytes have been taken.
  std::size_t feed(std::string_view wire);
  [[nodiscard]] std::size_t room() const noexcept;
  // Nothing more comes.
  void feed_end();
  // What is to be sent now; it is not told of again. There may be more: has_output().
  [[nodiscard]] std::string take_output();
  [[nodiscard]] bool has_output() const noexcept;

  // What was decrypted; "" when there is nothing more for now.
  [[nodiscard]] std::string take_plaintext();
  // Queues bytes, in the handshake too. False when it has failed.
  bool write(std::string_view plaintext);
  // Everything that was written is in what take_output() has given or gives.
  [[nodiscard]] bool has_written() const noexcept { return unwritten_.empty(); }
  // Says close_notify, when there was a handshake.
  void close();

  [[nodiscard]] State state() const noexcept { return state_; }
  // "The TLS handshake failed: tlsv1 alert protocol version." "" unless it failed.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  // Needs a handshake that is over; else everything is "".
  [[nodiscard]] TlsDetails details() const;

 private:
  struct Impl;
  explicit TlsStream(std::unique_ptr<Impl> impl);
  void step();
  void shake_hands();
  void read_records();
  void write_records();
  void fail_with(int result, std::string_view what);

  std::unique_ptr<Impl> impl_;
  State state_ = State::Handshake;
  bool was_open_ = false;
  bool has_ended_ = false;  // feed_end()
  int first_byte_ = -1;     // Of the server's.
  std::string plaintext_;
  std::string unwritten_;
  std::string trouble_;
};

}  // namespace trawl::service
