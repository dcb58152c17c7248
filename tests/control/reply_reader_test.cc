#include "control/audit/engine/reply_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace trawl::control {
namespace {

using dataplane::Dissection;
using dataplane::PacketFacts;
using enum ScanType;

const IpAddress kHost4 = IpAddress::parse("198.18.0.2").value();
const IpAddress kRouter4 = IpAddress::parse("198.18.0.254").value();
const IpAddress kHost6 = IpAddress::parse("2001:db8::2").value();
const IpAddress kRouter6 = IpAddress::parse("2001:db8::fe").value();

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

Dissection tcp(unsigned flags, std::uint16_t window = 0) {
  Dissection reply;
  reply.packet.source = kHost4;
  reply.packet.protocol = 6;
  reply.packet.ttl = 61;
  reply.packet.flags = static_cast<std::uint8_t>(flags);
  reply.packet.window = window;
  return reply;
}

Dissection of_protocol(std::uint8_t protocol) {
  Dissection reply = tcp(0);
  reply.packet.protocol = protocol;
  return reply;
}

Dissection sctp(std::uint8_t chunk) {
  Dissection reply = of_protocol(132);
  reply.packet.chunk = chunk;
  return reply;
}

Dissection error(bool v4, int type, int code, bool from_host = true) {
  Dissection reply;
  reply.packet.source = v4 ? (from_host ? kHost4 : kRouter4) : (from_host ? kHost6 : kRouter6);
  reply.packet.protocol = v4 ? 1 : 58;
  reply.packet.ttl = 61;
  reply.packet.icmp_type = static_cast<std::uint8_t>(type);
  reply.packet.icmp_code = static_cast<std::uint8_t>(code);
  PacketFacts quoted;
  quoted.destination = v4 ? kHost4 : kHost6;
  reply.quoted = quoted;
  return reply;
}

// "open syn-ack"; "" when the reply says nothing.
std::string verdict(ScanType type, const Dissection& reply) {
  const auto found = read_port_reply(type, reply);
  if (!found) return "";
  return std::string{name_of(found->state)} + " " + std::string{found->reason.word};
}

std::string host(ProbeKind kind, const Dissection& reply) {
  const auto found = read_host_reply({.kind = kind}, reply);
  return found ? std::string{found->word} : "";
}

TEST(PortReply, OfTcp) {
  EXPECT_EQ(verdict(Syn, tcp(kSyn | kAck)), "open syn-ack");
  EXPECT_EQ(verdict(Syn, tcp(kSyn)), "open split-handshake-syn");
  EXPECT_EQ(verdict(Syn, tcp(kRst | kAck)), "closed reset");
  EXPECT_EQ(verdict(Syn, tcp(kAck)), "");
  EXPECT_EQ(verdict(Syn, tcp(kFin | kAck)), "");
  EXPECT_EQ(verdict(Ack, tcp(kRst)), "unfiltered reset");
  EXPECT_EQ(verdict(Ack, tcp(kRst, 100)), "unfiltered reset");
  EXPECT_EQ(verdict(Ack, tcp(kSyn | kAck)), "");
  EXPECT_EQ(verdict(Window, tcp(kRst)), "closed reset");
  EXPECT_EQ(verdict(Window, tcp(kRst, 1)), "open reset");
  for (const ScanType type : {Maimon, Null, Fin, Xmas}) {
    EXPECT_EQ(verdict(type, tcp(kRst | kAck)), "closed reset");
    EXPECT_EQ(verdict(type, tcp(kSyn | kAck)), "");
  }
}

TEST(PortReply, OfUdpAndSctp) {
  EXPECT_EQ(verdict(Udp, of_protocol(17)), "open udp-response");
  EXPECT_EQ(verdict(SctpInit, sctp(2)), "open init-ack");
  EXPECT_EQ(verdict(SctpInit, sctp(6)), "closed abort");
  EXPECT_EQ(verdict(SctpInit, sctp(1)), "");
  EXPECT_EQ(verdict(SctpCookie, sctp(6)), "closed abort");
  EXPECT_EQ(verdict(SctpCookie, sctp(2)), "");
}

TEST(PortReply, OfProtocols) {
  for (const int protocol : {1, 6, 17, 132, 99}) {
    EXPECT_EQ(verdict(IpProtocol, of_protocol(static_cast<std::uint8_t>(protocol))),
              "open proto-response");
  }
  EXPECT_EQ(verdict(IpProtocol, error(true, 3, 2)), "closed proto-unreach");
  EXPECT_EQ(verdict(IpProtocol, error(true, 3, 3)), "open port-unreach");
  EXPECT_EQ(verdict(IpProtocol, error(true, 3, 13)), "filtered admin-prohibited");
  EXPECT_EQ(verdict(IpProtocol, error(true, 3, 2, false)), "filtered proto-unreach");
  EXPECT_EQ(verdict(IpProtocol, error(true, 3, 3, false)), "filtered port-unreach");
  EXPECT_EQ(verdict(IpProtocol, error(false, 4, 1)), "closed param-problem");
  EXPECT_EQ(verdict(IpProtocol, error(false, 4, 0)), "open param-problem");
}

// Nmap book, "Port Scanning Techniques": type 3, code 0, 1, 2, 3, 9, 10 or 13 marks filtered, for
// UDP but for the host's own code 3.
TEST(PortReply, OfIcmpErrors) {
  const std::vector<std::pair<int, std::string>> codes{
      {0, "net-unreach"},    {1, "host-unreach"},     {2, "proto-unreach"},    {3, "port-unreach"},
      {9, "net-prohibited"}, {10, "host-prohibited"}, {13, "admin-prohibited"}};
  for (const ScanType type : {Syn, Ack, Window, Maimon, Null, Fin, Xmas, SctpInit, SctpCookie}) {
    for (const auto& [code, word] : codes) {
      EXPECT_EQ(verdict(type, error(true, 3, code)), "filtered " + word);
      EXPECT_EQ(verdict(type, error(true, 3, code, false)), "filtered " + word);
    }
  }
  for (const auto& [code, word] : codes) {
    EXPECT_EQ(verdict(Udp, error(true, 3, code)), (code == 3 ? "closed " : "filtered ") + word);
    EXPECT_EQ(verdict(Udp, error(true, 3, code, false)), "filtered " + word);
  }
  EXPECT_EQ(verdict(Syn, error(true, 11, 0, false)), "filtered time-exceeded");
  for (const int type : {4, 5, 12}) EXPECT_EQ(verdict(Syn, error(true, type, 0)), "");
}

TEST(PortReply, OfIcmpv6Errors) {
  const std::vector<std::string> words{"no-route",     "admin-prohibited", "beyond-scope",
                                       "host-unreach", "port-unreach",     "admin-prohibited",
                                       "reject-route"};
  for (int code = 0; code < 7; ++code) {
    const std::string& word = words[static_cast<std::size_t>(code)];
    EXPECT_EQ(verdict(Syn, error(false, 1, code, false)), "filtered " + word);
    EXPECT_EQ(verdict(Udp, error(false, 1, code)), (code == 4 ? "closed " : "filtered ") + word);
  }
  EXPECT_EQ(verdict(Udp, error(false, 1, 4, false)), "filtered port-unreach");
  EXPECT_EQ(verdict(Syn, error(false, 2, 0)), "");  // Packet too big.
}

TEST(PortReply, NamesWhoSentItOnlyWhenThatIsNotTheHost) {
  const auto own = read_port_reply(Syn, error(true, 3, 13));
  EXPECT_EQ(own->reason.from, std::nullopt);
  EXPECT_EQ(own->reason.ttl, 61);
  const auto routers = read_port_reply(Syn, error(true, 3, 13, false));
  EXPECT_EQ(routers->reason.from, kRouter4);
  EXPECT_EQ(read_port_reply(Syn, tcp(kSyn | kAck))->reason.from, std::nullopt);
  EXPECT_EQ(read_port_reply(Syn, tcp(kSyn | kAck))->reason.ttl, 61);
}

TEST(HostReply, SaysWhyAHostIsUp) {
  EXPECT_EQ(host(ProbeKind::Tcp, tcp(kSyn | kAck)), "syn-ack");
  EXPECT_EQ(host(ProbeKind::Tcp, tcp(kRst)), "reset");
  EXPECT_EQ(host(ProbeKind::Tcp, tcp(kAck)), "");
  EXPECT_EQ(host(ProbeKind::Udp, of_protocol(17)), "udp-response");
  EXPECT_EQ(host(ProbeKind::SctpInit, sctp(6)), "abort");
  EXPECT_EQ(host(ProbeKind::SctpInit, sctp(2)), "init-ack");
  EXPECT_EQ(host(ProbeKind::IcmpEcho, of_protocol(1)), "echo-reply");
  EXPECT_EQ(host(ProbeKind::IcmpTimestamp, of_protocol(1)), "timestamp-reply");
  EXPECT_EQ(host(ProbeKind::IcmpMask, of_protocol(1)), "addressmask-reply");
  EXPECT_EQ(host(ProbeKind::IpProtocol, of_protocol(99)), "proto-response");
}

TEST(HostReply, ErrorsOfTheHostItselfAboutPortsAndProtocolsProveIt) {
  EXPECT_EQ(host(ProbeKind::Udp, error(true, 3, 3)), "port-unreach");
  EXPECT_EQ(host(ProbeKind::IpProtocol, error(true, 3, 2)), "proto-unreach");
  EXPECT_EQ(host(ProbeKind::Udp, error(false, 1, 4)), "port-unreach");
  EXPECT_EQ(host(ProbeKind::Udp, error(true, 3, 3, false)), "");
  EXPECT_EQ(host(ProbeKind::Tcp, error(true, 3, 1, false)), "");
  EXPECT_EQ(host(ProbeKind::Tcp, error(true, 11, 0, false)), "");
}

TEST(SilentPorts, AreFilteredOrMayBeOpen) {
  for (const ScanType type : {Syn, Connect, Ack, Window, SctpInit}) {
    EXPECT_EQ(silent_state(type), PortState::Filtered);
  }
  for (const ScanType type : {Maimon, Null, Fin, Xmas, Udp, SctpCookie, IpProtocol}) {
    EXPECT_EQ(silent_state(type), PortState::OpenFiltered);
  }
}

}  // namespace
}  // namespace trawl::control
