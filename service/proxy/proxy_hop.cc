#include "service/proxy/proxy_hop.h"

#include <fmt/format.h>

#include <string_view>

namespace trawl::service {

std::string ProxyHop::text() const {
  constexpr std::string_view kSchemes[] = {"http", "socks4", "socks5"};
  const bool bare = host.find(':') == std::string::npos;
  return fmt::format("{}://{}{}{}:{}", kSchemes[static_cast<std::size_t>(kind)], bare ? "" : "[",
                     host, bare ? "" : "]", port);
}

}  // namespace trawl::service
