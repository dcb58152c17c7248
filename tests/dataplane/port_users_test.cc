#include "dataplane/exception/port_users.h"

#include <gtest/gtest.h>

namespace trawl::dataplane {
namespace {

constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 00000000:EE48 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   2: 010012C6:EE49 020012C6:0050 06 00000000:00000000 00:00000000 00000000     0\n"
    "   3: 010012C6:EE4A 020012C6:0050 01 00000000:00000000 00:00000000 00000000     0\n"
    "nonsense\n   4: 00:EE48 x 0A\n";
constexpr const char* kTcp6 =
    "  sl  local_address                         remote_address                        st\n"
    "   0: 00000000000000000000000000000000:EE48 00000000000000000000000000000000:0000 0A\n"
    "   1: 0000000000000000FFFF0000010012C6:EE48 00000000000000000000000000000000:0000 0A\n"
    "   2: B80D0120000000000000000001000000:EE48 00000000000000000000000000000000:0000 0A\n";

const IpAddress kOurs = *IpAddress::parse("198.18.0.1");
const IpAddress kOurs6 = *IpAddress::parse("2001:db8::1");

ScanTraffic traffic(const IpAddress& source) {
  return {.kind = ProbeKind::TcpSyn, .ports = {.first = 61000, .last = 61063}, .sources = {source}};
}

TEST(BoundSockets, AreReadFromTheKernelsTables) {
  const auto found = parse_bound_sockets(kTcp, Protocol::Tcp);
  ASSERT_EQ(3U, found.size());
  EXPECT_EQ(IpAddress::parse("127.0.0.1"), found[0].address);
  EXPECT_EQ(8080, found[0].port);
  EXPECT_EQ(61000, found[1].port);
  EXPECT_EQ(kOurs, found[2].address) << "one in TIME-WAIT before it is left out";
  const auto found6 = parse_bound_sockets(kTcp6, Protocol::Tcp);
  ASSERT_EQ(3U, found6.size());
  EXPECT_EQ(kOurs, found6[1].address);
  EXPECT_EQ(kOurs6, found6[2].address);
}

TEST(BoundSockets, DisturbedAreThoseThatShareAddressAndPort) {
  const auto bound = [](const char* address, std::uint16_t port) {
    return BoundSocket{Protocol::Tcp, *IpAddress::parse(address), port};
  };
  const std::vector<IpAddress> kernel{kOurs, kOurs6};
  EXPECT_TRUE(is_disturbed(bound("198.18.0.1", 61000), traffic(kOurs), kernel));
  EXPECT_FALSE(is_disturbed(bound("198.18.0.1", 61064), traffic(kOurs), kernel));
  EXPECT_FALSE(is_disturbed(bound("127.0.0.1", 61000), traffic(kOurs), kernel));
  EXPECT_TRUE(is_disturbed(bound("0.0.0.0", 61000), traffic(kOurs), kernel));
  EXPECT_TRUE(is_disturbed(bound("::", 61000), traffic(kOurs), kernel));
  EXPECT_FALSE(is_disturbed(bound("0.0.0.0", 61000), traffic(kOurs6), kernel));
  EXPECT_TRUE(is_disturbed(bound("::", 61000), traffic(kOurs6), kernel));
  EXPECT_FALSE(is_disturbed(bound("0.0.0.0", 61000), traffic(kOurs), {}))
      << "no kernel socket gets frames for an address that the kernel does not have";
}

}  // namespace
}  // namespace trawl::dataplane
