#include "control/banners/client_hello.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace trawl::control {
namespace {

// 32 bytes. That they are no random ones is nobody's loss, and shows who asked.
constexpr std::string_view kRandom = "trawl surveys who speaks TLS ...";
static_assert(kRandom.size() == 32);

class Writer {
 public:
  void byte(unsigned value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void number(unsigned value) {
    byte(value >> 8U);
    byte(value & 0xffU);
  }
  void text(std::string_view text) {
    for (const char c : text) byte(static_cast<unsigned char>(c));
  }
  // A list of 16-bit numbers, with its length in bytes before it, in one or two bytes.
  void numbers(unsigned length_size, std::initializer_list<unsigned> values) {
    const auto size = static_cast<unsigned>(2 * values.size());
    if (length_size == 1) {
      byte(size);
    } else {
      number(size);
    }
    for (const unsigned value : values) number(value);
  }
  // What `write` appends, with its length before it, in so many bytes.
  template <typename Write>
  void block(unsigned length_size, Write write) {
    const std::size_t at = bytes_.size();
    for (unsigned i = 0; i < length_size; ++i) byte(0);
    write();
    std::size_t length = bytes_.size() - at - length_size;
    for (unsigned i = length_size; i-- > 0; length >>= 8U) {
      bytes_[at + i] = static_cast<std::byte>(length & 0xffU);
    }
  }
  template <typename Write>
  void extension(unsigned type, Write write) {
    number(type);
    block(2, write);
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

// RFC 8446 section 4.2; the numbers are IANA's, "TLS ExtensionType Values".
void write_extensions(Writer& out) {
  constexpr unsigned kX25519 = 29;
  constexpr unsigned kKeySize = 32;
  // supported_groups: X25519, secp256r1, secp384r1, secp521r1.
  out.extension(10, [&] { out.numbers(2, {kX25519, 23, 24, 25}); });
  // ec_point_formats: uncompressed (RFC 8422 section 5.1.2).
  out.extension(11, [&] { out.block(1, [&] { out.byte(0); }); });
  // signature_algorithms: ECDSA, EdDSA, RSA-PSS and RSA PKCS #1, with SHA-1 for the old.
  out.extension(13, [&] {
    out.numbers(2, {0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
                    0x0203, 0x0201});
  });
  // supported_versions: TLS 1.3 to 1.0.
  out.extension(43, [&] { out.numbers(1, {0x0304, 0x0303, 0x0302, 0x0301}); });
  // key_share: u = 9, the least significant byte first.
  out.extension(51, [&] {
    out.block(2, [&] {
      out.number(kX25519);
      out.block(2, [&] {
        out.byte(9);
        for (unsigned i = 1; i < kKeySize; ++i) out.byte(0);
      });
    });
  });
}

void write_hello(Writer& out) {
  out.number(0x0303);  // legacy_version
  out.text(kRandom);
  out.byte(0);  // No session to go on with.
  // TLS 1.3; ECDHE with AEAD, then with CBC; RSA; and no renegotiation (RFC 5746 section 3.3).
  out.numbers(2, {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009,
                  0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, 0x000a, 0x00ff});
  out.byte(1);  // One compression method:
  out.byte(0);  // none.
  out.block(2, [&] { write_extensions(out); });
}

}  // namespace

std::vector<std::byte> client_hello() {
  Writer out;
  out.byte(22);        // Handshake
  out.number(0x0301);  // What the oldest servers know (RFC 8446 appendix D.1).
  out.block(2, [&] {
    out.byte(1);  // ClientHello
    out.block(3, [&] { write_hello(out); });
  });
  return out.take();
}

}  // namespace trawl::control
