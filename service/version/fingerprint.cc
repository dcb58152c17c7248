#include "service/version/fingerprint.h"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

namespace trawl::service {
namespace {

constexpr std::size_t kLineLength = 74;
constexpr std::string_view kContinuation = "\nSF:";
constexpr std::size_t kContinued = kLineLength + 1 - kContinuation.size();

// What Nmap calls the machine that it is built for.
constexpr std::string_view platform() noexcept {
#if defined(__aarch64__)
  return "aarch64-unknown-linux-gnu";
#else
  return "x86_64-pc-linux-gnu";
#endif
}

// In lines as wrap_fingerprint() makes them.
constexpr std::size_t wrapped_length(std::size_t length) noexcept {
  if (length <= kLineLength) return length;
  const std::size_t breaks = (length - kLineLength + kContinued - 1) / kContinued;
  return length + breaks * kContinuation.size();
}

// Within quotes: whatever a shell, a regular expression or a terminal might take for something else
// is escaped. `next` is the byte behind, since a digit there would join "\0".
void put_byte(std::string& text, char byte, char next) {
  constexpr std::string_view kSpecial = "\\?\"[]().*+$^|";
  if (kSpecial.find(byte) != std::string_view::npos) {
    text += '\\';
    text += byte;
  } else if (byte > ' ' && byte <= '~') {
    text += byte;
  } else if (byte == '\0' && (next < '0' || next > '9')) {
    text += "\\0";
  } else if (byte == '\r') {
    text += "\\r";
  } else if (byte == '\n') {
    text += "\\n";
  } else if (byte == '\t') {
    text += "\\t";
  } else {
    fmt::format_to(std::back_inserter(text), "\\x{:02x}", static_cast<unsigned char>(byte));
  }
}

}  // namespace

Fingerprint::Fingerprint(const FingerprintHead& head) {
  const std::time_t when = std::chrono::system_clock::to_time_t(head.when);
  std::tm local{};
  ::localtime_r(&when, &local);
  text_ = fmt::format("SF-Port{}-{}:V={}{}%I={}%D={}/{}%Time={:X}%P={}", head.port,
                      head.transport == Transport::Tcp ? "TCP" : "UDP", head.version,
                      head.is_tls ? "%T=SSL" : "", head.intensity, local.tm_mon + 1, local.tm_mday,
                      static_cast<std::uint64_t>(when), platform());
}

void Fingerprint::add(std::string_view probe_name, std::string_view response) {
  if (response.empty() || wrapped_length(text_.size()) > kEnoughText) return;
  is_empty_ = false;
  fmt::format_to(std::back_inserter(text_), "%r({},{:X},\"", probe_name, response.size());
  const std::string_view shown = response.substr(0, kMostBytes);
  for (std::size_t at = 0; at < shown.size(); ++at) {
    put_byte(text_, shown[at], at + 1 < shown.size() ? shown[at + 1] : '\0');
  }
  text_ += "\")";
}

std::string Fingerprint::text() const { return is_empty_ ? std::string{} : text_ + ';'; }

std::string wrap_fingerprint(std::string_view text) {
  std::string lines{text.substr(0, kLineLength)};
  text.remove_prefix(lines.size());
  while (!text.empty()) {
    lines += kContinuation;
    lines += text.substr(0, kContinued);
    text.remove_prefix(std::min(kContinued, text.size()));
  }
  return lines;
}

}  // namespace trawl::service
