#include "service/dns/name_settings.h"

#include <algorithm>
#include <charconv>

namespace trawl::service {
namespace {

// As many as anybody has; each costs every name that has no answer its time.
constexpr std::size_t kMostServers = 64;

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || stop != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<NameServer> parse_server(std::string_view word) noexcept {
  const bool has_brackets = word.starts_with('[');
  std::string_view address = word;
  std::string_view port;
  bool has_port = false;
  if (has_brackets) {
    const std::size_t end = word.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address = word.substr(1, end - 1);
    port = word.substr(end + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':') return std::nullopt;
    if (has_port) port.remove_prefix(1);
  } else if (std::ranges::count(word, ':') == 1) {
    address = word.substr(0, word.find(':'));
    port = word.substr(word.find(':') + 1);
    has_port = true;
  }
  const auto ip = IpAddress::parse(address);
  if (!ip || (has_brackets && ip->is_v4())) return std::nullopt;
  const auto number = has_port ? parse_port(port) : NameServer::kPort;
  if (!number) return std::nullopt;
  return NameServer{.ip = *ip, .port = *number};
}

}  // namespace

std::vector<NameServer> usable_servers(std::string_view list) {
  std::vector<NameServer> servers;
  while (!list.empty() && servers.size() < kMostServers) {
    const std::size_t end = std::min(list.find(','), list.size());
    const auto server = parse_server(list.substr(0, end));
    if (server && std::ranges::find(servers, *server) == servers.end()) servers.push_back(*server);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return servers;
}

}  // namespace trawl::service
