#include "osfp/active/response.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/osfp/active/exchange.h"

namespace trawl::osfp {
namespace {

using namespace exchange;

template <typename T>
T answer_to(Probe probe, const std::vector<std::byte>& packet) {
  const auto match = match_response(kSeries, packet);
  if (!match || match->probe != probe || !std::holds_alternative<T>(match->response)) {
    ADD_FAILURE() << "no answer to " << to_string(probe);
    return {};
  }
  return std::get<T>(match->response);
}

TEST(Response, TcpAnswersAreToldApartByTheirPorts) {
  for (std::size_t i = 0; i < kProbes; ++i) {
    const Probe probe = probe_at(i);
    if (!is_tcp(probe)) continue;
    const auto match = match_response(kSeries, tcp_answer(probe, {}));
    ASSERT_TRUE(match) << to_string(probe);
    EXPECT_EQ(match->probe, probe);
  }
}

TEST(Response, TcpFieldsAreRead) {
  const auto response =
      answer_to<TcpResponse>(Probe::Ecn, tcp_answer(Probe::Ecn,
                                                    {.sequence = 0x01020304,
                                                     .ack = 0x05060708,
                                                     .flags = 0x52,
                                                     .reserved = 8,
                                                     .window = 0xffcb,
                                                     .urgent = 0xf7f5,
                                                     .options = {2, 4, 5, 0xb4},
                                                     .data = "go away"},
                                                    {.ttl = 57, .fragment = 0x4000, .id = 99}));
  EXPECT_EQ(response.ip.ttl, 57);
  EXPECT_TRUE(response.ip.df);
  EXPECT_EQ(response.ip.id, 99);
  EXPECT_EQ(response.sequence, 0x01020304U);
  EXPECT_EQ(response.ack, 0x05060708U);
  EXPECT_TRUE(response.is_syn_ack());
  EXPECT_EQ(response.reserved, 8);
  EXPECT_EQ(response.window, 0xffcb);
  EXPECT_EQ(response.urgent, 0xf7f5);
  EXPECT_EQ(response.options.signature(), "M5B4");
  EXPECT_EQ(response.data_crc, 0x6C054253U);  // zlib.crc32(b"go away")
}

TEST(Response, TcpAnswersOfOthersAreNone) {
  auto other_port = tcp_answer(Probe::Seq1, {});
  wire::write16(other_port.data() + wire::kIpSize, 443);
  EXPECT_FALSE(match_response(kSeries, other_port));
  auto other_host = tcp_answer(Probe::Seq1, {});
  wire::write32(other_host.data() + wire::kIpSource, 0xc6120003);
  EXPECT_FALSE(match_response(kSeries, other_host));
  auto echo_place = tcp_answer(Probe::Seq1, {});  // The source port that no TCP probe has.
  wire::write16(echo_place.data() + wire::kIpSize + 2,
                static_cast<std::uint16_t>(kSeries.source_port + index_of(Probe::Echo1)));
  EXPECT_FALSE(match_response(kSeries, echo_place));
  auto later_fragment = tcp_answer(Probe::Seq1, {}, {.fragment = 1});
  EXPECT_FALSE(match_response(kSeries, later_fragment));
}

TEST(Response, EveryCutIsNoAnswer) {
  const auto whole = tcp_answer(Probe::T5, {.options = {2, 4, 5, 0xb4}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(match_response(kSeries, std::span{whole}.first(size))) << size;
  }
  auto header_too_long = whole;
  wire::write8(header_too_long.data() + wire::kIpSize + wire::kTcpOffset, 0xf0);
  EXPECT_FALSE(match_response(kSeries, header_too_long));
  auto header_too_short = whole;
  wire::write8(header_too_short.data() + wire::kIpSize + wire::kTcpOffset, 0x40);
  EXPECT_FALSE(match_response(kSeries, header_too_short));
}

TEST(Response, UnreadableOptionsAreNoAnswer) {
  EXPECT_FALSE(
      match_response(kSeries, tcp_answer(Probe::T5, {.options = {2, 4, 5, 0xb4, 2, 3, 0, 0}})));
}

TEST(Response, EchoRepliesAreToldApart) {
  EXPECT_EQ(answer_to<EchoResponse>(Probe::Echo1, echo_answer(Probe::Echo1, 9)).code, 9);
  EXPECT_EQ(answer_to<EchoResponse>(Probe::Echo2, echo_answer(Probe::Echo2, 5)).code, 5);
  auto mixed = echo_answer(Probe::Echo1, 9);
  wire::write16(mixed.data() + wire::kIpSize + wire::kIcmpId + 2, kEchoSequence + 1);
  EXPECT_FALSE(match_response(kSeries, mixed));
}

TEST(Response, QuotedDatagramIsRead) {
  const auto response =
      answer_to<UnreachableResponse>(Probe::Udp, unreachable(quoted_probe(11), 0x10240));
  EXPECT_EQ(response.length, 356);
  EXPECT_EQ(response.unused, 0x240);
  EXPECT_EQ(response.quoted_ttl, 39);
  EXPECT_EQ(response.quoted_length, kUdpLength);
  EXPECT_EQ(response.quoted_id, kUdpId);
  EXPECT_EQ(response.quoted_checksum, UnreachableResponse::Checksum::Good);
  EXPECT_EQ(response.quoted_udp_checksum, udp_checksum_of(kSeries));
  EXPECT_TRUE(response.is_data_intact);
}

TEST(Response, ChangesToTheQuotedDatagramAreSeen) {
  using Checksum = UnreachableResponse::Checksum;
  auto quoted = quoted_probe();
  wire::write16(quoted.data() + wire::kIpChecksum, 0);
  EXPECT_EQ(answer_to<UnreachableResponse>(Probe::Udp, unreachable(quoted)).quoted_checksum,
            Checksum::Zero);
  wire::write16(quoted.data() + wire::kIpChecksum, 0x1234);
  EXPECT_EQ(answer_to<UnreachableResponse>(Probe::Udp, unreachable(quoted)).quoted_checksum,
            Checksum::Invalid);
  wire::write8(quoted.data() + 40, 0x44);
  EXPECT_FALSE(answer_to<UnreachableResponse>(Probe::Udp, unreachable(quoted)).is_data_intact);
  const std::span<const std::byte> head = std::span{quoted}.first(28);
  EXPECT_TRUE(answer_to<UnreachableResponse>(Probe::Udp, unreachable(head)).is_data_intact);
}

TEST(Response, OtherErrorsAreNoAnswer) {
  const auto quoted = quoted_probe();
  EXPECT_FALSE(match_response(kSeries, unreachable(quoted, 0, {}, 13)));
  EXPECT_FALSE(match_response(kSeries, unreachable(std::span{quoted}.first(27))));
  EXPECT_FALSE(match_response(kSeries, unreachable({})));
  auto other = quoted;
  wire::write16(other.data() + wire::kIpSize, 1);
  EXPECT_FALSE(match_response(kSeries, unreachable(other)));
}

}  // namespace
}  // namespace trawl::osfp
