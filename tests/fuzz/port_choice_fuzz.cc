#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "control/audit/ports/port_choice.h"

namespace {

using namespace trawl::control;

bool rises(const std::vector<std::uint16_t>& ports) {
  return std::adjacent_find(ports.begin(), ports.end(), std::greater_equal<>{}) == ports.end();
}

void check_choice(const PortRequest& request, const ServiceTable& services,
                  const ProtocolTable& protocols) {
  const auto choice = choose_ports(request, services, protocols);
  if (!choice) {
    if (choice.error().message.empty()) std::abort();
    return;
  }
  const bool scanned[] = {request.tcp, request.udp, request.sctp, request.ip};
  for (std::size_t i = 0; i < kPortProtocols; ++i) {
    const auto& ports = choice->ports[i];
    const auto& excluded = choice->excluded[i];
    if (!scanned[i] && !ports.empty()) std::abort();
    if (!rises(ports) || !rises(excluded)) std::abort();
    if (request.top && !request.ip && ports.size() > *request.top) std::abort();
    if (i == static_cast<std::size_t>(PortProtocol::Ip) && !ports.empty() && ports.back() > 255) {
      std::abort();
    }
    if (std::any_of(ports.begin(), ports.end(), [&excluded](std::uint16_t port) {
          return std::binary_search(excluded.begin(), excluded.end(), port);
        })) {
      std::abort();
    }
  }
}

// The input as a table: whatever it says, ranking loses nothing and names are found.
void check_table(const std::string& text) {
  const ServiceTable table = ServiceTable::parse(std::make_shared<const std::string>(text));
  for (const PortProtocol protocol : {PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Sctp}) {
    auto ranked = table.ranked(protocol);
    std::sort(ranked.begin(), ranked.end());
    if (ranked != table.all(protocol) || ranked != table.matching(protocol, "*")) std::abort();
    for (const std::uint16_t port : ranked) {
      if (!matches_pattern(table.name(protocol, port), table.name(protocol, port))) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ServiceTable services = ServiceTable::builtin();
  static const ProtocolTable protocols = ProtocolTable::builtin();
  const std::string text{reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 4096)};
  // What is behind the first line is excluded.
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string ports = text.substr(0, end);
  PortRequest request{.ports = ports, .tcp = true, .udp = true, .sctp = true};
  if (end < text.size()) request.exclude = text.substr(end + 1);
  check_choice(request, services, protocols);
  request.top = 5;
  check_choice(request, services, protocols);
  check_choice({.ports = ports, .exclude = request.exclude, .ip = true}, services, protocols);
  PortChoice chosen;
  const auto discovery =
      parse_discovery_ports(ports, PortProtocol::Udp, "-PU", services, protocols, chosen);
  if (discovery && (discovery->empty() || !rises(*discovery))) std::abort();
  check_table(text);
  return 0;
}
