#include "control/audit/interface_list.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::control {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

std::string text_of(const ListedRoute& route) {
  return fmt::format("{}/{} {} {} {}", route.destination.to_string(), route.prefix, route.device,
                     route.metric, route.gateway ? route.gateway->to_string() : "-");
}

TEST(InterfaceList, ReadsRoutesOfIpv4) {
  const auto routes = parse_ipv4_routes(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT  \n"
      "veth0\t00000000\tFE0112C6\t0003\t0\t0\t50\t00000000\t0\t0\t0   \n"
      "*\t000013C6\t00000000\t0201\t0\t0\t4294967295\t00FFFFFF\t0\t0\t0   \n"
      "down0\t000113C6\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n"
      "cut\t000113C6\t00000000\t0001\n\n");
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(text_of(routes[0]), "0.0.0.0/0 veth0 50 198.18.1.254");
  EXPECT_EQ(text_of(routes[1]), "198.19.0.0/24 * -1 -");
}

TEST(InterfaceList, ReadsRoutesOfIpv6) {
  const std::string none(32, '0');
  const auto line = [&none](std::string_view prefix, std::string_view flags) {
    return fmt::format(
        "20010db8000000000000000000000000 {} {} 00 20010db80000000000000000000000fe ee6b2800 "
        "00000002 00000000 {}    veth0\n",
        prefix, none, flags);
  };
  const auto routes = parse_ipv6_routes(line("40", "00000003") + line("40", "00200200") +
                                        line("81", "00000003") + line("40", "x") + "20010db8 40\n");
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(text_of(routes[0]), "2001:db8::/64 veth0 -294967296 2001:db8::fe");
  EXPECT_FALSE(routes[0].is_v4);
}

TEST(InterfaceList, ReadsAddressesOfIpv6) {
  const auto found = parse_ipv6_addresses(
      "00000000000000000000000000000001 01 80 10 80       lo\n"
      "20010db8000000000000000000000001 02 81 00 82       eb\n"
      "20010db8000000000000000000000001 02 40 00 82\n"
      "20010db800000000000000000000000g 02 40 00 82       eb\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].device, "lo");
  EXPECT_EQ(found[0].address.ip, ip("::1"));
  EXPECT_EQ(found[0].address.prefix, 128U);
}

TEST(InterfaceList, GivesRoutesADeviceWithAnAddress) {
  const ListedInterface near{
      .name = "near0", .v4 = {{.ip = ip("198.18.0.1"), .prefix = 24}}, .v6 = {}, .mac = {}};
  const ListedInterface bare{.name = "bare0", .v4 = {}, .v6 = {}, .mac = {}};
  const std::vector<ListedInterface> interfaces{near, bare};
  const auto route = [](std::string_view to, unsigned prefix, std::string_view device,
                        std::optional<IpAddress> gateway, int metric = 0) {
    return ListedRoute{.destination = ip(to),
                       .prefix = prefix,
                       .device = std::string{device},
                       .metric = metric,
                       .gateway = gateway};
  };
  const std::vector<ListedRoute> some{
      route("198.19.1.0", 24, "bare0", {}), route("198.19.2.0", 24, "bare0", ip("198.18.0.9"), 7),
      route("198.19.3.0", 24, "bare0", ip("203.0.113.1")), route("198.18.0.0", 24, "near0", {}, 3)};
  const auto without = listed_routes(interfaces, some, {});
  ASSERT_EQ(without.size(), 2U);
  EXPECT_EQ(text_of(without[0]), "198.18.0.0/24 near0 3 -");
  EXPECT_EQ(text_of(without[1]), "198.19.2.0/24 near0 7 198.18.0.9");
  auto more = some;
  more.push_back(route("0.0.0.0", 0, "near0", ip("198.18.0.254")));
  more.push_back(route("198.18.0.0", 16, "*", {}));
  const auto with = listed_routes(interfaces, more, {});
  ASSERT_EQ(with.size(), 5U);
  EXPECT_EQ(text_of(with[0]), "198.19.1.0/24 near0 0 -");
  EXPECT_EQ(text_of(with[3]), "198.18.0.0/16 near0 0 -");
  EXPECT_EQ(text_of(with[4]), "0.0.0.0/0 near0 0 198.18.0.254");
}

TEST(InterfaceList, LaysOutTables) {
  const ListedInterface loopback{.name = "lo",
                                 .v4 = {{.ip = ip("127.0.0.1"), .prefix = 8}},
                                 .v6 = {{.ip = ip("::1"), .prefix = 128}},
                                 .kind = ListedInterface::Kind::Loopback,
                                 .is_up = true,
                                 .mtu = 65536,
                                 .mac = {}};
  const ListedInterface bare{.name = "bare0",
                             .v4 = {},
                             .v6 = {},
                             .kind = ListedInterface::Kind::Ethernet,
                             .mtu = 1500,
                             .mac = MacAddress::parse("02:00:00:00:00:aa")};
  EXPECT_EQ(interface_list_text(std::vector{loopback, bare}, {}),
            "************************INTERFACES************************\n"
            "DEV   (SHORT) IP/MASK     TYPE     UP   MTU   MAC\n"
            "lo    (lo)    127.0.0.1/8 loopback up   65536\n"
            "lo    (lo)    ::1/128     loopback up   65536\n"
            "bare0 (bare0) (none)/0    ethernet down 1500  02:00:00:00:00:AA\n"
            "\n"
            "ROUTES: NONE FOUND(!)\n");
  const ListedRoute route{
      .is_v4 = false, .destination = ip("::1"), .prefix = 128, .device = "lo", .gateway = {}};
  EXPECT_EQ(interface_list_text({}, std::vector{route}),
            "INTERFACES: NONE FOUND(!)\n"
            "**************************ROUTES**************************\n"
            "DST/MASK DEV METRIC GATEWAY\n"
            "::1/128  lo  0\n"
            "\n");
}

}  // namespace
}  // namespace trawl::control
