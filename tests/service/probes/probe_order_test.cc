#include "service/probes/probe_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace trawl::service {
namespace {

using testing::ElementsAre;

constexpr std::string_view kFile =
    "Probe TCP NULL q||\n"
    "Probe UDP Ask q|u|\nports 53\nrarity 8\n"
    "Probe TCP Common q|c|\nports 1\nrarity 1\n"
    "Probe TCP Rare q|r|\nports 80,100-200\nsslports 443\nrarity 9\n"
    "Probe TCP Middling q|m|\nports 80\nsslports 1\nrarity 5\n"
    "Probe UDP Other q|o|\nrarity 2\n";

std::vector<std::string> names(Transport transport, std::uint16_t port, bool is_tls,
                               unsigned intensity) {
  const ProbeFile file = parse_probe_file(kFile, "test");
  EXPECT_TRUE(file.problems.empty());
  std::vector<std::string> names;
  for (const std::size_t at : probe_order(file, transport, port, is_tls, intensity)) {
    names.push_back(file.probes[at].name);
  }
  return names;
}

TEST(ProbeOrder, ListedProbesComeFirstWhateverTheirRarity) {
  EXPECT_THAT(names(Transport::Tcp, 80, false, 7), ElementsAre("Rare", "Middling", "Common"));
  EXPECT_THAT(names(Transport::Tcp, 150, false, 0), ElementsAre("Rare"));
}

TEST(ProbeOrder, OthersAreAskedUpToTheIntensity) {
  EXPECT_THAT(names(Transport::Tcp, 9, false, 4), ElementsAre("Common"));
  EXPECT_THAT(names(Transport::Tcp, 9, false, 5), ElementsAre("Common", "Middling"));
  EXPECT_THAT(names(Transport::Tcp, 9, false, 9), ElementsAre("Common", "Rare", "Middling"));
  EXPECT_THAT(names(Transport::Tcp, 9, false, 0), ElementsAre());
}

TEST(ProbeOrder, TunnelsGoByTheirOwnPorts) {
  EXPECT_THAT(names(Transport::Tcp, 443, true, 1), ElementsAre("Rare", "Common"));
  EXPECT_THAT(names(Transport::Tcp, 443, false, 1), ElementsAre("Common"));
  EXPECT_THAT(names(Transport::Tcp, 1, true, 0), ElementsAre("Middling"));
}

TEST(ProbeOrder, UdpHasProbesOfItsOwn) {
  EXPECT_THAT(names(Transport::Udp, 53, false, 7), ElementsAre("Ask", "Other"));
  EXPECT_THAT(names(Transport::Udp, 54, false, 7), ElementsAre("Other"));
}

}  // namespace
}  // namespace trawl::service
