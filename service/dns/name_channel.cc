#include "service/dns/name_channel.h"

#include <netinet/in.h>

#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "service/dns/socket_address.h"

namespace trawl::service {
namespace {

bool use_servers(ares_channel channel, const std::vector<NameServer>& servers) {
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    ares_addr_port_node& node = nodes[i];
    const SocketAddress address = to_socket_address(servers[i].ip);
    if (servers[i].ip.is_v4()) {
      node.family = AF_INET;
      node.addr.addr4 = reinterpret_cast<const sockaddr_in*>(&address.bytes)->sin_addr;
    } else {
      node.family = AF_INET6;
      std::memcpy(&node.addr.addr6,
                  &reinterpret_cast<const sockaddr_in6*>(&address.bytes)->sin6_addr,
                  sizeof node.addr.addr6);
    }
    node.udp_port = servers[i].port;
    node.tcp_port = servers[i].port;
    node.next = i + 1 < servers.size() ? &nodes[i + 1] : nullptr;
  }
  return ares_set_servers_ports(channel, nodes.data()) == ARES_SUCCESS;
}

}  // namespace

ares_channel open_name_channel(const NameSettings& settings, const ares_options& others,
                               int which) {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  // One server that is gone costs seconds, not minutes.
  ares_options options = others;
  options.timeout = 1500;  // Milliseconds, twice as long the second time.
  options.tries = 2;
  which |= ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
  std::string only_files = "f";
  if (settings.servers && settings.servers->empty()) {
    options.lookups = only_files.data();
    which |= ARES_OPT_LOOKUPS;
  }
  ares_channel channel = nullptr;
  if (ares_init_options(&channel, &options, which) != ARES_SUCCESS) return nullptr;
  if (!settings.servers || settings.servers->empty() || use_servers(channel, *settings.servers)) {
    return channel;
  }
  ares_destroy(channel);
  return nullptr;
}

}  // namespace trawl::service
