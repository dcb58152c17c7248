#include "dataplane/probe_template.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <type_traits>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr ProbeKind kKinds[] = {ProbeKind::TcpSyn, ProbeKind::TcpAck, ProbeKind::IcmpEcho,
                                ProbeKind::IcmpTimestamp};
constexpr ProbeSource kSource{kOurMac, kOurs};

TEST(ProbeTemplate, VisitsTheTemplateOfItsKind) {
  for (const ProbeKind kind : kKinds) {
    int visited = 0;
    ProbeTemplate{kind, kSource}.visit([&]<typename Probe>(const Probe& probe) {
      ++visited;
      if constexpr (!std::is_same_v<Probe, UdpTemplate>) {
        EXPECT_EQ(probe.size(), ProbeTemplate::frame_size(kind));
        Frame frame(probe.size().count());
        probe.prepare(frame.data());
        EXPECT_EQ(get8(frame, 23), has_ports(kind) ? 6U : 1U) << "protocol";
        if (kind == ProbeKind::TcpSyn) {
          EXPECT_EQ(get8(frame, 47), kFlagSyn);
        }
        if (kind == ProbeKind::TcpAck) {
          EXPECT_EQ(get8(frame, 47), kFlagAck);
        }
        if (kind == ProbeKind::IcmpEcho) {
          EXPECT_EQ(get8(frame, 34), 8U);
        }
      }
    });
    EXPECT_EQ(visited, 1);
  }
}

TEST(ProbeTemplate, UdpProbesAreWrittenWhole) {
  constexpr std::uint16_t kPorts[] = {53};
  const auto payloads = std::make_shared<const UdpPayloads>(std::span<const UdpPayload>{}, kPorts);
  int visited = 0;
  ProbeTemplate{ProbeKind::Udp, kSource, payloads}.visit([&]<typename Probe>(const Probe&) {
    visited += static_cast<int>(std::is_same_v<Probe, UdpTemplate>);
  });
  EXPECT_EQ(visited, 1);
  EXPECT_EQ(ProbeTemplate::frame_size(ProbeKind::Udp, {}, payloads.get(), kPorts).count(), 60U);
}

// A frame made for no source and then given one is the frame made for that source.
TEST(ProbeTemplate, SourcesAreSetWithRightChecksums) {
  constexpr std::uint16_t kPorts[] = {53};
  const auto payloads = std::make_shared<const UdpPayloads>(std::span<const UdpPayload>{}, kPorts);
  std::mt19937_64 random{13};
  for (std::size_t kind = 1; kind <= kProbeNames.size(); ++kind) {
    for (int i = 0; i < 5000; ++i) {
      const Ipv4Address source{i == 0 ? 0xffffffffU : static_cast<std::uint32_t>(random())};
      const Target target{Ipv4Address{static_cast<std::uint32_t>(random())}, 53};
      const auto bits = random();
      const Cookie cookie{static_cast<std::uint32_t>(bits), static_cast<std::uint16_t>(bits >> 32U),
                          static_cast<std::uint16_t>(bits >> 48U)};
      const auto frame_from = [&](Ipv4Address address) {
        Frame frame(128);
        const ProbeTemplate probe{static_cast<ProbeKind>(kind), {kOurMac, address}, payloads};
        probe.visit([&]<typename Probe>(const Probe& of_kind) {
          if constexpr (std::is_same_v<Probe, UdpTemplate>) {
            (void)of_kind.write(frame.data(), 0, target, cookie, 7);
          } else {
            of_kind.prepare(frame.data());
            of_kind.stamp(frame.data(), 0, target, cookie, 7);
          }
        });
        if (address.value() == 0) probe.set_source(frame.data(), source);
        return frame;
      };
      ASSERT_EQ(frame_from(Ipv4Address{}), frame_from(source)) << kind << " " << i;
    }
  }
}

// A tagged frame is the untagged one with a tag, whatever the kind and the number of sources.
TEST(ProbeTemplate, TagsGoBehindTheAddresses) {
  constexpr std::uint16_t kPorts[] = {53};
  const auto payloads = std::make_shared<const UdpPayloads>(std::span<const UdpPayload>{}, kPorts);
  for (std::size_t kind = 1; kind <= kProbeNames.size(); ++kind) {
    for (const Ipv4Address address : {kOurs, Ipv4Address{}}) {
      const auto frame_in = [&](VlanId vlan) {
        const ProbeTemplate probe{static_cast<ProbeKind>(kind), {kOurMac, address, vlan}, payloads};
        Frame frame(128);
        const std::uint64_t head = probe.frame_head(kPeerMac);
        const Cookie cookie{0x01020304, 61234, 0x5678};
        probe.visit([&]<typename Probe>(const Probe& of_kind) {
          if constexpr (std::is_same_v<Probe, UdpTemplate>) {
            frame.resize(of_kind.write(frame.data(), head, {kPeer, 53}, cookie, 7));
          } else {
            of_kind.prepare(frame.data());
            of_kind.stamp(frame.data(), head, {kPeer, 53}, cookie, 7);
            frame.resize(of_kind.size().count());
          }
        });
        if (address.value() == 0) probe.set_source(frame.data(), kOurs);
        return frame;
      };
      EXPECT_EQ(frame_in(VlanId{7}), with_tag(frame_in(VlanId{}), 7)) << kind;
    }
  }
}

TEST(ProbeTemplate, EveryKindTakesATtl) {
  constexpr std::uint16_t kPorts[] = {53};
  const auto payloads = std::make_shared<const UdpPayloads>(std::span<const UdpPayload>{}, kPorts);
  for (std::size_t kind = 1; kind <= kProbeNames.size(); ++kind) {
    for (const unsigned ttl : {1U, 64U, 255U}) {
      ProbeSource source{kOurMac, kOurs};
      source.ttl = static_cast<std::uint8_t>(ttl);
      const ProbeTemplate probe{static_cast<ProbeKind>(kind), source, payloads};
      probe.visit([&]<typename Probe>(const Probe& of_kind) {
        Frame frame(128);
        if constexpr (std::is_same_v<Probe, UdpTemplate>) {
          (void)of_kind.write(frame.data(), 0, {kPeer, 53}, Cookie{}, 7);
        } else {
          of_kind.prepare(frame.data());
          of_kind.stamp(frame.data(), 0, {kPeer, 53}, Cookie{}, 7);
        }
        EXPECT_EQ(get8(frame, 22), ttl) << kind;
        EXPECT_TRUE(ip_checksum_is_right(frame));
      });
    }
  }
  EXPECT_EQ(kSource.ttl, 64) << "unless asked for";
}

TEST(ProbeTemplate, SynIsTheKindOfTheShortConstructor) {
  int visited = 0;
  ProbeTemplate{kOurMac, kOurs}.visit([&]<typename Probe>(const Probe&) {
    visited += static_cast<int>(std::is_same_v<Probe, TcpSynTemplate>);
  });
  EXPECT_EQ(visited, 1);
}

// The size of segment that a SYN to a link of this MTU announces.
template <typename Address>
unsigned announced(BasicProbeSource<Address> source, unsigned mtu) {
  source.mtu = mtu;
  const BasicTcpSynTemplate<Address, SynOptions::Mss> probe{source};
  std::vector<std::byte> frame(probe.size().count());
  probe.prepare(frame.data());
  return wire::read16(frame.data() + frame.size() - 2);
}

TEST(ProbeTemplate, SegmentsFitTheLink) {
  EXPECT_EQ(announced(kSource, 1500), 1460U);
  EXPECT_EQ(announced(kSource, 1400), 1360U);
  EXPECT_EQ(announced(kSource, 576), 536U);
  EXPECT_EQ(announced(kSource, 68), 536U) << "what every host takes";
  EXPECT_EQ(announced(kSource, 9000), 1460U) << "what buffers hold";
  EXPECT_EQ(announced(ProbeSource6{}, 1500), 1440U);
  EXPECT_EQ(announced(ProbeSource6{}, 1280), 1220U);
}

TEST(ProbeTemplate, SynHasTheOptionsAskedFor) {
  ProbeSource source = kSource;
  source.syn_options = SynOptions::Mss;
  bool is_mss = false;
  ProbeTemplate{ProbeKind::TcpSyn, source}.visit(
      [&]<typename Probe>([[maybe_unused]] const Probe& probe) {
        if constexpr (std::is_same_v<Probe, TcpMssSynTemplate>) {
          is_mss = true;
          EXPECT_EQ(probe.size(), ProbeTemplate::frame_size(ProbeKind::TcpSyn, SynOptions::Mss));
        }
      });
  EXPECT_TRUE(is_mss);
  EXPECT_EQ(ProbeTemplate6::frame_size(ProbeKind::TcpSyn, SynOptions::Mss).count(), 78U);
}

TEST(ProbeTemplate, HeadIsTheNextHopAndTheBeginningOfOurAddress) {
  const ProbeTemplate probe{ProbeKind::TcpSyn, kSource};
  Frame expected;
  append_mac(expected, kPeerMac);
  append_mac(expected, kOurMac);
  const std::uint64_t head = probe.frame_head(kPeerMac);
  EXPECT_EQ(std::memcmp(&head, expected.data(), sizeof head), 0);
}

TEST(ProbeKind, EveryKindHasItsOwnName) {
  EXPECT_EQ(to_string(ProbeKind::TcpSyn), "tcp-syn");
  EXPECT_EQ(to_string(ProbeKind::TcpAck), "tcp-ack");
  EXPECT_EQ(to_string(ProbeKind::IcmpEcho), "icmp-echo");
  EXPECT_EQ(to_string(ProbeKind::IcmpTimestamp), "icmp-timestamp");
  EXPECT_EQ(to_string(ProbeKind::Udp), "udp");
  EXPECT_EQ(sought_state(ProbeKind::Udp), PortState::Open);
  EXPECT_TRUE(has_ports(ProbeKind::Udp));
  EXPECT_EQ(sought_state(ProbeKind::IcmpTimestamp), PortState::Up);
  EXPECT_EQ(sought_state(ProbeKind::IcmpEcho), PortState::Up);
  EXPECT_EQ(sought_state(ProbeKind::TcpSyn), PortState::Open);
  EXPECT_EQ(sought_state(ProbeKind::TcpAck), PortState::Unfiltered);
}

}  // namespace
}  // namespace trawl::dataplane
