#include "control/audit/through/bounce_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace trawl::control {
namespace {

bool has_control(std::string_view text) noexcept {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

AuditResult<BounceServer> parse_bounce_server(std::string_view text) {
  BounceServer server;
  // A command of FTP's ends with its line.
  if (has_control(text)) return bad_value("Control characters mean nothing to -b.");
  std::string_view rest = text;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = rest.substr(0, at);
    const std::size_t colon = login.find(':');
    server.user = login.substr(0, colon);
    server.assumes_password = colon == std::string_view::npos;
    if (!server.assumes_password) server.password = login.substr(colon + 1);
    rest.remove_prefix(at + 1);
  }
  const std::size_t colon = rest.find(':');
  server.host = rest.substr(0, colon);
  if (server.host.empty() || server.host.size() > 255) {
    return bad_value(
        fmt::format("Failed to resolve FTP bounce proxy hostname/IP: {}", server.host));
  }
  if (colon != std::string_view::npos && colon + 1 < rest.size()) {
    const char* const end = rest.data() + rest.size();
    const auto [stop, error] = std::from_chars(rest.data() + colon + 1, end, server.port);
    if (error != std::errc{} || stop != end || server.port == 0) {
      return bad_value(
          fmt::format("\"{}\" is no port of an FTP bounce proxy.", rest.substr(colon + 1)));
    }
  }
  return server;
}

}  // namespace trawl::control
