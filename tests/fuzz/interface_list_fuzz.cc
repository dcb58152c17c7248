#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/interface_list.h"
#include "service/dns/name_settings.h"

// The kernel's tables of routes and addresses, and a list of name servers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  auto v4 = control::parse_ipv4_routes(text);
  auto v6 = control::parse_ipv6_routes(text);
  std::vector<control::ListedInterface> interfaces;
  for (const auto& named : control::parse_ipv6_addresses(text)) {
    if (named.address.prefix > 128) std::abort();
    interfaces.push_back({.name = named.device, .v4 = {}, .v6 = {named.address}, .mac = {}});
  }
  const auto routes = control::listed_routes(interfaces, std::move(v4), std::move(v6));
  if (control::interface_list_text(interfaces, routes).back() != '\n') std::abort();
  for (const auto& server : service::usable_servers(text)) {
    if (server.port == 0) std::abort();
  }
  return 0;
}
