#include "control/audit/interface_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace trawl::control {
namespace {

using Row = std::vector<std::string>;

constexpr std::size_t kTitleWidth = 58;

std::string title(std::string_view name) { return fmt::format("{:*^{}}\n", name, kTitleWidth); }

// Columns as wide as the widest, and no blanks at the ends of lines.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += fmt::format("{:<{}}", row[i], widths[i] + 1);
    }
    text.resize(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string_view kind_name(ListedInterface::Kind kind) noexcept {
  using enum ListedInterface::Kind;
  switch (kind) {
    case Loopback: return "loopback";
    case Ethernet: return "ethernet";
    case PointToPoint: return "point2point";
    case Other: break;
  }
  return "other";
}

std::string address_text(const IpAddress& address, bool is_v4) {
  return is_v4 ? address.to_string() : address.v6().to_string();
}

Row interface_row(const ListedInterface& interface, std::string address) {
  std::string mac;
  if (interface.mac) {
    const auto& b = interface.mac->bytes();
    mac = fmt::format("{:02X}:{:02X}:{:02X}:{:02X}:{:02X}:{:02X}", b[0], b[1], b[2], b[3], b[4],
                      b[5]);
  }
  return {interface.name,
          fmt::format("({})", interface.name),
          std::move(address),
          std::string{kind_name(interface.kind)},
          interface.is_up ? "up" : "down",
          fmt::format("{}", interface.mtu),
          std::move(mac)};
}

bool shares_link(const ListedInterface::Address& own, const IpAddress& other, bool is_v4) noexcept {
  if (is_v4) return Ipv4Prefix{own.ip.v4(), own.prefix}.contains(other.v4());
  return Ipv6Prefix{own.ip.v6(), own.prefix}.contains(other.v6());
}

const std::vector<ListedInterface::Address>& addresses_of(const ListedInterface& interface,
                                                          bool is_v4) noexcept {
  return is_v4 ? interface.v4 : interface.v6;
}

// The interface on whose link the gateway is; "" for none.
std::string device_towards(std::span<const ListedInterface> interfaces, const ListedRoute& route) {
  for (const ListedInterface& interface : interfaces) {
    for (const auto& own : addresses_of(interface, route.is_v4)) {
      if (shares_link(own, *route.gateway, route.is_v4)) return interface.name;
    }
  }
  return {};
}

void settle_devices(std::span<const ListedInterface> interfaces, std::vector<ListedRoute>& routes) {
  const auto is_known = [interfaces](const ListedRoute& route) {
    return std::ranges::any_of(interfaces, [&route](const ListedInterface& interface) {
      return interface.name == route.device && !addresses_of(interface, route.is_v4).empty();
    });
  };
  std::string by_default;
  for (ListedRoute& route : routes) {
    if (!is_known(route)) {
      route.device = route.gateway ? device_towards(interfaces, route) : std::string{};
    }
    if (route.prefix == 0 && !route.device.empty()) by_default = route.device;
  }
  for (ListedRoute& route : routes) {
    if (route.device.empty() && !route.gateway) route.device = by_default;
  }
  std::erase_if(routes, [](const ListedRoute& route) { return route.device.empty(); });
}

}  // namespace

std::vector<ListedRoute> listed_routes(std::span<const ListedInterface> interfaces,
                                       std::vector<ListedRoute> v4, std::vector<ListedRoute> v6) {
  for (std::vector<ListedRoute>* const routes : {&v4, &v6}) {
    settle_devices(interfaces, *routes);
    std::ranges::stable_sort(*routes, [](const ListedRoute& a, const ListedRoute& b) {
      return a.prefix != b.prefix ? a.prefix > b.prefix : a.metric < b.metric;
    });
  }
  v4.insert(v4.end(), std::make_move_iterator(v6.begin()), std::make_move_iterator(v6.end()));
  return v4;
}

std::string interface_list_text(std::span<const ListedInterface> interfaces,
                                std::span<const ListedRoute> routes) {
  std::string text;
  if (interfaces.empty()) {
    text = "INTERFACES: NONE FOUND(!)\n";
  } else {
    std::vector<Row> rows{{"DEV", "(SHORT)", "IP/MASK", "TYPE", "UP", "MTU", "MAC"}};
    for (const ListedInterface& interface : interfaces) {
      for (const bool is_v4 : {true, false}) {
        for (const auto& own : addresses_of(interface, is_v4)) {
          rows.push_back(interface_row(
              interface, fmt::format("{}/{}", address_text(own.ip, is_v4), own.prefix)));
        }
        if (is_v4 && interface.v4.empty()) {
          rows.push_back(interface_row(interface, "(none)/0"));
        }
      }
    }
    text = title("INTERFACES") + table(rows) + '\n';
  }
  if (routes.empty()) return text + "ROUTES: NONE FOUND(!)\n";
  std::vector<Row> rows{{"DST/MASK", "DEV", "METRIC", "GATEWAY"}};
  for (const ListedRoute& route : routes) {
    rows.push_back(
        {fmt::format("{}/{}", address_text(route.destination, route.is_v4), route.prefix),
         route.device, fmt::format("{}", route.metric),
         route.gateway ? address_text(*route.gateway, route.is_v4) : std::string{}});
  }
  return text + title("ROUTES") + table(rows) + '\n';
}

}  // namespace trawl::control
