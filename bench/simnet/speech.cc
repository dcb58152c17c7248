#include "bench/simnet/speech.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

// Lines that stand for content of any size: a page, a certificate, a trickle.
constexpr std::string_view kFiller =
    "<p>This page belongs to no real host. It was drawn from a seed.</p>\n"
    "<p>0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ</p>\n"
    "<li>first</li> <li>second</li> <li>third</li> <li>fourth</li> <li>fifth</li>\n";

constexpr std::uint32_t kMegabyte = std::uint32_t{1} << 20U;
constexpr std::uint32_t kEndless = std::uint32_t{1} << 30U;

std::uint32_t range(std::uint64_t draw, unsigned shift, std::uint32_t least,
                    std::uint32_t most) noexcept {
  return least + static_cast<std::uint32_t>((draw >> shift) & 0xffffU) % (most - least + 1);
}

}  // namespace

// Appends to the head; what does not fit is left out.
class Speech::Text {
 public:
  explicit Text(Speech& speech) noexcept : speech_{speech} {}
  Text& put(std::string_view text) noexcept {
    const std::size_t size = std::min<std::size_t>(text.size(), kMostHead - speech_.head_size_);
    std::memcpy(speech_.head_.data() + speech_.head_size_, text.data(), size);
    speech_.head_size_ += static_cast<std::uint32_t>(size);
    return *this;
  }
  Text& put(std::uint32_t number) noexcept {
    std::array<char, 10> digits;
    std::size_t at = digits.size();
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return put(std::string_view{digits.data() + at, digits.size() - at});
  }
  // The lowest `size` bytes, the highest first.
  Text& bytes(std::uint64_t value, unsigned size) noexcept {
    while (size > 0) {
      const char byte = static_cast<char>(value >> 8U * --size & 0xffU);
      put(std::string_view{&byte, 1});
    }
    return *this;
  }
  // Endless text behind the head.
  void fill(std::uint32_t size, std::uint64_t draw) noexcept {
    speech_.filler_size_ = size;
    speech_.filler_from_ = static_cast<std::uint32_t>(draw % kFiller.size());
  }

 private:
  Speech& speech_;
};

Speech::Speech(Talk talk, Utterance utterance, std::uint64_t draw) noexcept {
  Text text{*this};
  draw = mix64(draw);
  switch (talk) {
    case Talk::Ssh:
      if (utterance != Utterance::Banner) return;
      if (draw % 4 == 0) {
        text.put("SSH-2.0-dropbear_20").put(range(draw, 8, 12, 22)).put(".");
        text.put(range(draw, 24, 60, 88)).put("\r\n");
      } else {
        text.put("SSH-2.0-OpenSSH_").put(range(draw, 8, 5, 9)).put(".").put(range(draw, 24, 0, 9));
        text.put("p").put(range(draw, 40, 1, 2)).put(" Debian-").put(range(draw, 44, 1, 60));
        text.put("\r\n");
      }
      return;
    case Talk::Http:
    case Talk::Big: http(text, talk, utterance, draw); return;
    case Talk::Tls: tls(text, utterance, draw); return;
    case Talk::Smtp: smtp(text, utterance, draw); return;
    case Talk::Slow:
      if (utterance != Utterance::Banner) return;
      text.put("220 ProFTPD 1.3.").put(range(draw, 8, 0, 8)).put(" Server (host-");
      text.put(range(draw, 24, 0, 9999)).put(") ready.\r\n");
      return;
    case Talk::Tarpit:
      if (utterance == Utterance::Trickle) text.fill(kEndless, draw);
      return;
    case Talk::Silent:
    case Talk::MuteClose:
    case Talk::ZeroWindow:
    case Talk::Reset:
    case Talk::SynProxy:
    case Talk::Middlebox: return;
  }
}

void Speech::http(Text& text, Talk talk, Utterance utterance, std::uint64_t draw) noexcept {
  constexpr std::string_view kServers[] = {"nginx/1.", "Apache/2.4.", "lighttpd/1.4.",
                                           "Microsoft-IIS/"};
  if (utterance != Utterance::Reply && utterance != Utterance::Refusal) return;
  constexpr std::uint32_t kLeastBody = 64;
  constexpr std::uint32_t kMostBody = 4096;
  const bool is_reply = utterance == Utterance::Reply;
  std::uint32_t body = is_reply ? range(draw, 40, kLeastBody, kMostBody) : 0;
  if (talk == Talk::Big && is_reply) body = kMegabyte;
  const std::size_t server = draw % std::size(kServers);
  text.put(is_reply ? "HTTP/1.1 200 OK\r\nServer: " : "HTTP/1.1 400 Bad Request\r\nServer: ");
  text.put(kServers[server]).put(range(draw, 8, 2, 60));
  if (server == 0) text.put(".").put(range(draw, 24, 0, 9));
  text.put(
      "\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: ");
  text.put(body).put("\r\nConnection: close\r\n\r\n");
  text.fill(body, draw >> 32U);
  closes_ = true;
}

void Speech::tls(Text& text, Utterance utterance, std::uint64_t draw) noexcept {
  // RFC 5246 sections 6.2.1, 7.4.1.3, 7.4.2 and 7.2.
  constexpr std::uint64_t kHandshake = 0x160303;
  constexpr std::uint64_t kServerHello = 0x02;
  constexpr std::uint64_t kCertificate = 0x0b;
  if (utterance == Utterance::Refusal) {
    constexpr std::uint64_t kUnexpectedMessage = 0x15'0303'0002'02'0a;
    text.bytes(kUnexpectedMessage, 7);
    closes_ = true;
  }
  if (utterance != Utterance::Reply) return;
  constexpr std::uint32_t kHelloSize = 2 + 32 + 1 + 2 + 1;
  text.bytes(kHandshake, 3).bytes(4 + kHelloSize, 2).bytes(kServerHello, 1).bytes(kHelloSize, 3);
  text.bytes(0x0303, 2);
  for (std::uint64_t i = 0; i < 4; ++i) text.bytes(mix64(draw + i), 8);
  constexpr std::uint64_t kCipher = 0xc02f;  // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
  text.bytes(0, 1).bytes(kCipher, 2).bytes(0, 1);
  // The bytes of the certificate are no certificate.
  const std::uint32_t size = range(draw, 40, 700, 3000);
  text.bytes(kHandshake, 3).bytes(4 + 3 + 3 + size, 2).bytes(kCertificate, 1);
  text.bytes(3 + 3 + size, 3).bytes(3 + size, 3).bytes(size, 3);
  text.fill(size, draw >> 32U);
}

void Speech::smtp(Text& text, Utterance utterance, std::uint64_t draw) noexcept {
  switch (utterance) {
    case Utterance::Banner:
      text.put("220 mail-").put(range(draw, 8, 0, 9999));
      if (draw % 2 == 0) {
        text.put(".example.net ESMTP Postfix (Debian/GNU)\r\n");
      } else {
        text.put(".example.net ESMTP Exim 4.").put(range(draw, 24, 80, 97)).put("\r\n");
      }
      return;
    case Utterance::CommandDone: text.put("250 OK\r\n"); return;
    case Utterance::CommandUnknown: text.put("502 5.5.2 Error: command not recognized\r\n"); return;
    case Utterance::Goodbye:
      text.put("221 2.0.0 Bye\r\n");
      closes_ = true;
      return;
    case Utterance::None:
    case Utterance::Listening:
    case Utterance::Reply:
    case Utterance::Refusal:
    case Utterance::Trickle: return;
  }
}

void Speech::copy(std::uint32_t offset, std::span<std::byte> out) const noexcept {
  if (offset < head_size_) {
    const std::size_t size = std::min<std::size_t>(out.size(), head_size_ - offset);
    std::memcpy(out.data(), head_.data() + offset, size);
    offset += static_cast<std::uint32_t>(size);
    out = out.subspan(size);
  }
  if (out.empty()) return;
  std::size_t at = (std::size_t{filler_from_} + (offset - head_size_)) % kFiller.size();
  while (!out.empty()) {
    const std::size_t size = std::min(out.size(), kFiller.size() - at);
    std::memcpy(out.data(), kFiller.data() + at, size);
    out = out.subspan(size);
    at = 0;
  }
}

Utterance usual(Talk talk) noexcept {
  switch (talk) {
    case Talk::Ssh:
    case Talk::Smtp:
    case Talk::Slow: return Utterance::Banner;
    case Talk::Http:
    case Talk::Tls:
    case Talk::Big: return Utterance::Reply;
    case Talk::Silent:
    case Talk::MuteClose:
    case Talk::ZeroWindow:
    case Talk::Reset:
    case Talk::Tarpit:
    case Talk::SynProxy:
    case Talk::Middlebox: break;
  }
  return Utterance::None;
}

namespace {

std::string_view text_of(std::span<const std::byte> data) noexcept {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

// The request is over with an empty line. What does not begin like one is refused at once.
Understanding understand_http(Utterance so_far, bool after_newline,
                              std::string_view data) noexcept {
  const bool is_first = so_far == Utterance::None;
  const std::size_t line = data.find('\n');
  if (is_first && (data.front() < 'A' || data.front() > 'Z')) return {Utterance::Refusal};
  if (is_first && line != std::string_view::npos &&
      data.substr(0, line).find(" HTTP/") == std::string_view::npos) {
    return {Utterance::Refusal};
  }
  for (const char c : data) {
    if (c == '\n' && after_newline) return {Utterance::Reply};
    if (c != '\r') after_newline = c == '\n';
  }
  return {Utterance::Listening, false, after_newline};
}

// One answer for all commands of a segment: the last says which.
Understanding understand_smtp(std::string_view data) noexcept {
  if (data.back() != '\n') return {};
  data.remove_suffix(1);
  const std::size_t before = data.rfind('\n');
  const std::string_view line = before == std::string_view::npos ? data : data.substr(before + 1);
  const auto starts_with = [line](std::string_view word) {
    return line.size() >= word.size() &&
           std::equal(word.begin(), word.end(), line.begin(),
                      [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? b - 32 : b); });
  };
  for (const std::string_view word : {"EHLO", "HELO", "NOOP", "RSET"}) {
    if (starts_with(word)) return {Utterance::CommandDone};
  }
  return {starts_with("QUIT") ? Utterance::Goodbye : Utterance::CommandUnknown};
}

}  // namespace

Understanding understand(Talk talk, Utterance so_far, bool after_newline,
                         std::span<const std::byte> data) noexcept {
  constexpr std::size_t kToHandshakeType = 6;
  const std::string_view text = text_of(data);
  const bool is_quiet = so_far == Utterance::None || so_far == Utterance::Listening;
  switch (talk) {
    case Talk::Ssh:
      // Only what comes first has to be a version.
      return {Utterance::None, !after_newline && !text.starts_with("SSH-"), true};
    case Talk::Http:
      return is_quiet ? understand_http(so_far, after_newline, text) : Understanding{};
    case Talk::Big: return {is_quiet ? Utterance::Reply : Utterance::None};
    case Talk::Tls:
      if (!is_quiet) return {};
      return {data.size() >= kToHandshakeType && text[0] == 0x16 && text[5] == 1
                  ? Utterance::Reply
                  : Utterance::Refusal};
    case Talk::Smtp: return understand_smtp(text);
    case Talk::Slow:
    case Talk::Silent:
    case Talk::MuteClose:
    case Talk::ZeroWindow:
    case Talk::Reset:
    case Talk::Tarpit:
    case Talk::SynProxy:
    case Talk::Middlebox: break;
  }
  return {};
}

}  // namespace trawl::simnet
