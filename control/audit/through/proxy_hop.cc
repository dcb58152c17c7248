#include "control/audit/through/proxy_hop.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace trawl::control {
namespace {

constexpr std::size_t kMostHops = 64;
constexpr std::size_t kLongestHost = 255;
constexpr std::size_t kLongestLogin = 255;  // RFC 1929 section 2.

struct Scheme {
  std::string_view name;
  ProxyHop::Kind kind;
  std::uint16_t port;
};
constexpr Scheme kSchemes[] = {{"http", ProxyHop::Kind::Http, 8080},
                               {"socks4", ProxyHop::Kind::Socks4, 1080},
                               {"socks5", ProxyHop::Kind::Socks5, 1080}};

bool is_same_word(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(
      a, b, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

// With "%3a" for a byte (RFC 3986 section 2.1); nullopt for what cannot be part of a login.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      const std::string_view digits = text.substr(i + 1, 2);
      const auto [stop, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (error != std::errc{} || digits.size() != 2 || stop != digits.data() + 2) {
        return std::nullopt;
      }
      i += 2;
    }
    // A line of HTTP must not end in the middle.
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out.size() <= kLongestLogin ? std::optional{out} : std::nullopt;
}

bool take_login(std::string_view text, ProxyHop& hop) {
  const std::size_t colon = text.find(':');
  auto user = decode(text.substr(0, colon));
  auto password = decode(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  // A colon ends the user of HTTP's basic scheme (RFC 7617 section 2).
  if (!user || !password || user->empty() || user->find(':') != std::string::npos) return false;
  hop.has_login = true;
  hop.user = std::move(*user);
  hop.password = std::move(*password);
  return true;
}

// "host", "host:port", "[2001:db8::1]:port".
bool take_place(std::string_view text, ProxyHop& hop) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    hop.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    hop.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? "" : text.substr(colon);
  }
  if (hop.host.size() > kLongestHost) return false;
  if (port.empty() || port == ":") return true;
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data() + 1, end, hop.port);
  return port.front() == ':' && error == std::errc{} && stop == end && hop.port != 0;
}

std::optional<ProxyHop> parse_hop(std::string_view text) {
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return std::nullopt;
  const auto* const scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& each) { return is_same_word(text.substr(0, mark), each.name); });
  if (scheme == std::end(kSchemes)) return std::nullopt;
  ProxyHop hop{.kind = scheme->kind, .host = {}, .port = scheme->port};
  std::string_view rest = text.substr(mark + 3);
  rest = rest.substr(0, rest.find('/'));
  const std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos) {
    // SOCKS 4 has no passwords.
    if (hop.kind == ProxyHop::Kind::Socks4 || !take_login(rest.substr(0, at), hop)) {
      return std::nullopt;
    }
    rest.remove_prefix(at + 1);
  }
  return take_place(rest, hop) ? std::optional{hop} : std::nullopt;
}

}  // namespace

AuditResult<std::vector<ProxyHop>> parse_proxies(std::string_view text) {
  std::vector<ProxyHop> hops;
  std::string_view rest = text;
  for (bool has_more = true; has_more;) {
    const std::string_view word = rest.substr(0, rest.find(','));
    has_more = word.size() < rest.size();
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word.empty()) continue;
    auto hop = parse_hop(word);
    if (!hop) {
      return bad_value(fmt::format("Invalid protocol in proxy specification string: {}", word));
    }
    if (hop->host.empty()) return bad_value(fmt::format("Cannot initialize proxy node {}", word));
    if (hops.size() == kMostHops) {
      return bad_value(fmt::format("No more than {} proxies can be chained.", kMostHops));
    }
    hops.push_back(std::move(*hop));
  }
  // Nobody who asks for proxies wants none.
  if (hops.empty()) {
    return bad_value(fmt::format("Invalid protocol in proxy specification string: {}", text));
  }
  return hops;
}

}  // namespace trawl::control
