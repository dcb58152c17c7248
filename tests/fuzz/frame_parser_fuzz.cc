#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/conversation/segment.h"
#include "dataplane/exception/scan_filter.h"
#include "dataplane/internal/arp_frame.h"
#include "dataplane/internal/neighbour_frame.h"
#include "dataplane/raw_exchange.h"
#include "dataplane/reply.h"
#include "dataplane/syn_ack_head.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr Ipv4Address kSource{0xc6120001};  // 198.18.0.1
constexpr MacAddress kMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 0x01}};
constexpr PortRange kPorts{.first = 61000, .last = 64999};

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr Ipv6Address kSource6{(Uint128{0x20010db8} << 96U) + 1};  // 2001:db8::1

Neighbours6& neighbours6() {
  static Neighbours6 instance = std::move(
      *Neighbours6::make({.on_link = {}, .gateway = Ipv6Address{~Uint128{0}}, .gateway_mac = {}}));
  return instance;
}

Neighbours& neighbours() {
  static Neighbours instance = std::move(*Neighbours::make(
      {.on_link = {*Ipv4Prefix::parse("198.18.0.0/15")}, .gateway = {}, .gateway_mac = {}}));
  return instance;
}

// Payloads whose forms of reply use every step there is.
std::shared_ptr<const UdpPayloads> payloads() {
  using Kind = UdpReplyStep::Kind;
  const std::vector<std::byte> mark{std::byte{'i'}, std::byte{'='}};
  const auto make = [](std::uint16_t port, std::vector<UdpReplyStep> reply, bool any_port) {
    return UdpPayload{.name = "",
                      .ports = {port},
                      .bytes = {},
                      .slots = {},
                      .reply = std::move(reply),
                      .any_port = any_port};
  };
  const std::vector<UdpPayload> given{
      make(53, {{.kind = Kind::Field, .field = UdpField::Id16, .bytes = {}}}, false),
      make(69, {{.kind = Kind::Bytes, .bytes = {std::byte{0}}}}, true),
      make(123,
           {{.kind = Kind::Skip, .count = 24, .bytes = {}},
            {.kind = Kind::Field, .field = UdpField::Id32, .bytes = {}},
            {.kind = Kind::Field, .field = UdpField::Stamp, .bytes = {}}},
           false),
      make(161, {{.kind = Kind::Snmp, .bytes = {}}}, false),
      make(623, {{.kind = Kind::Field, .field = UdpField::Id7, .bytes = {}}}, false),
      make(5060,
           {{.kind = Kind::Find, .bytes = mark},
            {.kind = Kind::Field, .field = UdpField::IdHex, .bytes = {}}},
           false)};
  static constexpr std::uint16_t kProbed[] = {7, 53, 69, 123, 161, 443, 623, 5060};
  static const auto made = std::make_shared<const UdpPayloads>(given, kProbed);
  return made;
}

// What the XDP program makes of the frame.
bool is_redirected(std::span<const std::byte> frame, const IpAddress& source, ProbeKind kind,
                   VlanId vlan) {
  const ScanFilterConfig config =
      scan_filter_config({.kind = kind, .ports = kPorts, .vlan = vlan, .sources = {source}});
  if (frame.empty()) return false;
  const auto* const start = reinterpret_cast<const __u8*>(frame.data());
  return scan_filter_wants(&config, start, start + frame.size()) != 0;
}

// A claim that is handed on must be one that probes of this kind can have led to.
template <typename Address>
void check_reply(std::span<const std::byte> frame, Address source, ProbeKind kind, VlanId vlan) {
  const BasicReplyParser<Address> parser{source, kPorts, kind, payloads(), vlan};
  BasicReplyClaim<Address> claim;
  const Counter outcome = parser.parse(frame, claim);
  require(static_cast<std::size_t>(outcome) < kCounters);
  // Nothing that answers a probe may be left to the kernel.
  const bool redirected = is_redirected(frame, source, kind, vlan);
  if (outcome != Counter::RxValid) return;
  require(redirected);
  require(!has_ports(kind) || kPorts.contains(claim.source_port));
  require(has_ports(kind) || claim.target.port == 0);
  require(can_be_found(claim.state, sought_state(kind)));
  require((claim.state == PortState::Open) ==
          (claim.reason == Reason::SynAck || claim.reason == Reason::UdpResponse));
  if (kind == ProbeKind::Udp) {
    require(claim.state != PortState::Closed || claim.reason == Reason::PortUnreachable);
  } else {
    require((claim.state == PortState::Closed || claim.state == PortState::Unfiltered) ==
            (claim.reason == Reason::Reset));
  }
  require(claim.state == PortState::Unreachable || claim.target.ip == claim.from);
  // Of what is taken for a SYN-ACK the head can always be read, and of no other answer.
  SynAckHead head;
  const auto packet = frame.subspan(wire::kEthernetSize + vlan.tag_size());
  const bool has_head = read_syn_ack_head(packet, head);
  require(has_head == (claim.reason == Reason::SynAck));
  if (!has_head) return;
  require(head.ttl == claim.ttl && head.options_size <= SynAckHead::kMostOptions);
  require(head.options_size % 4 == 0);
}

// Holds no packet, but knows how long the last one was.
class LengthSink final : public FrameSink {
 public:
  bool offer(std::span<const std::byte> packet, const FrameNote& /*note*/) noexcept override {
    size = packet.size();
    return true;
  }
  std::size_t size = 0;
};

// What is passed on to who has packets of his own must lie in the frame.
void check_exchange(std::span<const std::byte> frame, const IpAddress& source, VlanId vlan) {
  static const auto sink = std::make_shared<LengthSink>();
  static RawExchange exchange{{.ports = kPorts, .received = sink, .departed = sink}};
  exchange.bind(source, vlan);
  // Whoever it is from, or quotes.
  std::vector<IpAddress> watched;
  const std::size_t ip = wire::kEthernetSize + vlan.tag_size();
  for (const std::size_t at : {ip + wire::kIpSource, ip + 28 + wire::kIpDestination}) {
    if (at + 4 > frame.size()) continue;
    watched.emplace_back(Ipv4Address{wire::read32(frame.data() + at)});
  }
  for (const std::size_t at : {ip + wire::kIpv6Source, ip + 48 + wire::kIpv6Destination}) {
    if (at + 16 > frame.size()) continue;
    watched.emplace_back(wire::read_ipv6(frame.data() + at));
  }
  for (const IpAddress& peer : watched) require(exchange.watch(peer));
  if (exchange.wants(frame)) {
    require(exchange.pass(frame, 1));
    require(sink->size + ip <= frame.size());
  }
  for (const IpAddress& peer : watched) exchange.unwatch(peer);
}

// What a segment says must lie in its frame.
template <typename Address>
void check_segment(std::span<const std::byte> frame, VlanId vlan) {
  BasicSegment<Address> segment;
  if (!read_segment(frame, vlan, segment) || segment.data.empty()) return;
  require(segment.data.data() >= frame.data() + wire::kEthernetSize + wire::kTcpSize);
  require(segment.data.data() + segment.data.size() <= frame.data() + frame.size());
}

// An answer must be ours, and nothing else may change a frame.
void check_arp(std::span<const std::byte> frame) {
  const auto copy = std::make_unique<std::byte[]>(frame.size());
  std::copy(frame.begin(), frame.end(), copy.get());
  const std::span<std::byte> bytes{copy.get(), frame.size()};
  const auto outcome = internal::handle_arp(bytes, kMac, kSource, neighbours());
  if (outcome != internal::ArpOutcome::AnswerWritten) {
    require(std::equal(frame.begin(), frame.end(), bytes.begin()));
    return;
  }
  const auto mac = kMac.bytes();
  for (std::size_t i = 0; i < mac.size(); ++i) {
    require(bytes[6 + i] == std::byte{mac[i]} && bytes[22 + i] == std::byte{mac[i]});
    require(bytes[i] == frame[22 + i]);
  }
}

// As check_arp().
void check_neighbour(std::span<const std::byte> frame, VlanId vlan) {
  std::array<std::byte, internal::kMostNeighbourFrame> answer{};
  const auto outcome =
      internal::handle_neighbour(frame, kMac, kSource6, neighbours6(), answer, vlan);
  if (outcome != internal::NeighbourOutcome::AnswerWritten) return;
  const std::byte* const ip = answer.data() + wire::kEthernetSize + vlan.tag_size();
  require(wire::read_mac(answer.data() + wire::kEthernetSource) == kMac.to_integer());
  require(wire::read_ipv6(ip + wire::kIpv6Source) == kSource6);
  require(wire::read_ipv6(ip + wire::kIpv6Size + wire::kNeighbourTarget) == kSource6);
  require(wire::read8(ip + wire::kIpv6Size) == wire::kNeighbourAdvertisement);
}

}  // namespace
}  // namespace trawl::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::dataplane;
  const std::span frame{reinterpret_cast<const std::byte*>(data), size};
  for (std::size_t i = 1; i <= kProbeNames.size(); ++i) {
    const auto kind = static_cast<ProbeKind>(i);
    for (const VlanId vlan : {VlanId{}, VlanId{7}}) {
      check_reply(frame, kSource, kind, vlan);
      if (kind != ProbeKind::IcmpTimestamp) check_reply(frame, kSource6, kind, vlan);
    }
  }
  for (const VlanId vlan : {VlanId{}, VlanId{7}}) {
    check_segment<trawl::Ipv4Address>(frame, vlan);
    check_segment<trawl::Ipv6Address>(frame, vlan);
  }
  for (const VlanId vlan : {VlanId{}, VlanId{7}}) {
    check_exchange(frame, kSource, vlan);
    check_exchange(frame, kSource6, vlan);
  }
  check_arp(frame);
  check_neighbour(frame, VlanId{});
  check_neighbour(frame, VlanId{7});
  return 0;
}
