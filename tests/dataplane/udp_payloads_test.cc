#include "dataplane/udp_payloads.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

using Kind = UdpReplyStep::Kind;

Frame bytes(std::initializer_list<unsigned> values) {
  Frame frame;
  for (const unsigned value : values) frame.push_back(static_cast<std::byte>(value));
  return frame;
}
Frame bytes(std::string_view text) {
  Frame frame;
  for (const char c : text) frame.push_back(static_cast<std::byte>(c));
  return frame;
}

UdpReplyStep field(UdpField f) { return {.kind = Kind::Field, .field = f, .bytes = {}}; }
UdpReplyStep skip(std::uint16_t count) { return {.kind = Kind::Skip, .count = count, .bytes = {}}; }
UdpReplyStep exact(Frame what) { return {.kind = Kind::Bytes, .bytes = std::move(what)}; }
UdpReplyStep find(Frame what) { return {.kind = Kind::Find, .bytes = std::move(what)}; }

UdpPayload payload(std::uint16_t port, std::vector<UdpReplyStep> reply) {
  return {.name = "",
          .ports = {port},
          .bytes = {},
          .slots = {},
          .reply = std::move(reply),
          .any_port = false};
}

std::optional<UdpAnswer> read(std::vector<UdpReplyStep> reply, const Frame& frame) {
  constexpr std::uint16_t kProbed[] = {9};
  const UdpPayload sent = payload(9, std::move(reply));
  return UdpPayloads{{&sent, 1}, kProbed}.read_reply(9, frame);
}

TEST(UdpPayloads, AnythingAnswersAPayloadWithoutForm) {
  for (const Frame& frame : {bytes({}), bytes({1, 2, 3})}) {
    const auto answer = read({}, frame);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->port, 9);
    EXPECT_EQ(answer->sequence_mask, 0U);
    EXPECT_EQ(answer->stamp, 0U);
  }
}

TEST(UdpPayloads, FieldsTellTheirBitsOfTheSequence) {
  const Frame frame = bytes({0x71, 0x22, 0x33, 0x44, 0x55});
  const auto id7 = read({field(UdpField::Id7)}, frame);
  EXPECT_EQ(id7->sequence, 0x71U);
  EXPECT_EQ(id7->sequence_mask, 0x7fU);
  EXPECT_FALSE(read({field(UdpField::Id7)}, bytes({0x81}))) << "not below 128";
  const auto id16 = read({skip(1), field(UdpField::Id16)}, frame);
  EXPECT_EQ(id16->sequence, 0x2233U);
  EXPECT_EQ(id16->sequence_mask, 0xffffU);
  const auto id32 = read({skip(1), field(UdpField::Id32)}, frame);
  EXPECT_EQ(id32->sequence, 0x22334455U);
  EXPECT_EQ(id32->sequence_mask, 0xffffffffU);
  EXPECT_EQ(read({field(UdpField::Id30)}, frame)->sequence_mask, 0x3fffffffU);
  EXPECT_EQ(read({skip(1), field(UdpField::Stamp)}, frame)->stamp, 0x22334455U);
}

TEST(UdpPayloads, RepliesThatEndInAFieldAreNone) {
  using enum UdpField;
  for (const UdpField f : {Id7, Id16, Id30, Id32, IdHex, Stamp}) {
    const Frame whole = bytes("01234567");
    EXPECT_TRUE(read({field(f)}, {whole.begin(), whole.begin() + size_of(f)}));
    for (std::size_t size = 0; size < size_of(f); ++size) {
      EXPECT_FALSE(read({field(f)}, {whole.begin(), whole.begin() + size})) << size;
    }
  }
  EXPECT_FALSE(read({skip(4)}, bytes({1, 2, 3})));
}

TEST(UdpPayloads, BytesMustFollow) {
  EXPECT_TRUE(read({exact(bytes({1, 2})), exact(bytes({3}))}, bytes({1, 2, 3, 4})));
  EXPECT_FALSE(read({exact(bytes({1, 2})), exact(bytes({3}))}, bytes({1, 2, 4})));
  EXPECT_FALSE(read({exact(bytes({1, 2, 3}))}, bytes({1, 2})));
}

TEST(UdpPayloads, TextIsFoundWhereverItIs) {
  const std::vector<UdpReplyStep> form{find(bytes("tag=")), field(UdpField::IdHex)};
  EXPECT_EQ(read(form, bytes("x tag tag=89aBCdef;"))->sequence, 0x89abcdefU);
  EXPECT_EQ(read(form, bytes("tag=89abcdef"))->sequence_mask, 0xffffffffU);
  EXPECT_FALSE(read(form, bytes("tag=89abcdeg")));
  EXPECT_FALSE(read(form, bytes("tag=89abcde")));
  EXPECT_FALSE(read(form, bytes("tag")));
  EXPECT_FALSE(read(form, bytes("")));
}

const UdpReplyStep kSnmp{.kind = Kind::Snmp, .bytes = {}};
// RFC 1157: GetResponse of community "pub" with request-id 0x49abcdef.
const Frame kSnmpV1 = bytes({0x30, 0x18, 2,    1,    0,    4, 3, 'p', 'u', 'b', 0xa2, 0x0e, 2,
                             4,    0x49, 0xab, 0xcd, 0xef, 2, 1, 0,   2,   1,   0,    0x30, 0});

TEST(UdpPayloads, SnmpResponsesOfEveryVersionTellTheirId) {
  ASSERT_EQ(read({kSnmp}, kSnmpV1)->sequence, 0x49abcdefU);
  EXPECT_EQ(read({kSnmp}, kSnmpV1)->sequence_mask, 0x3fffffffU);
  // RFC 3412: the head of a version 3 report, with lengths in two and three bytes.
  const Frame v3 = bytes({0x30, 0x82, 0,    0x13, 2, 1, 3, 0x30, 0x81, 0x0d, 2, 4,
                          0x49, 0xab, 0xcd, 0xef, 2, 1, 9, 4,    1,    0,    0});
  ASSERT_TRUE(read({kSnmp}, v3));
  EXPECT_EQ(read({kSnmp}, v3)->sequence, 0x49abcdefU);
}

TEST(UdpPayloads, OtherSnmpMessagesAreNoReply) {
  Frame request = kSnmpV1;
  request[10] = std::byte{0xa0};
  EXPECT_FALSE(read({kSnmp}, request)) << "GetRequest";
  Frame short_id = kSnmpV1;
  short_id[13] = std::byte{3};
  EXPECT_FALSE(read({kSnmp}, short_id));
  for (std::size_t size = 0; size < kSnmpV1.size(); ++size) {
    EXPECT_FALSE(read({kSnmp}, {kSnmpV1.begin(), kSnmpV1.begin() + static_cast<long>(size)}));
  }
  Frame indefinite = kSnmpV1;
  indefinite[1] = std::byte{0x80};
  EXPECT_FALSE(read({kSnmp}, indefinite));
}

TEST(UdpPayloads, TheLastPayloadForAPortCounts) {
  const std::vector<UdpPayload> given{payload(9, {exact(bytes({1}))}), payload(10, {}),
                                      payload(9, {exact(bytes({2}))})};
  constexpr std::uint16_t kProbed[] = {9, 11};
  const UdpPayloads payloads{given, kProbed};
  EXPECT_FALSE(payloads.read_reply(9, bytes({1})));
  EXPECT_TRUE(payloads.read_reply(9, bytes({2})));
  EXPECT_FALSE(payloads.read_reply(10, bytes({2}))) << "not probed";
  EXPECT_TRUE(payloads.read_reply(11, bytes({}))) << "the empty payload";
  EXPECT_EQ(payloads.index_of(11), 0U);
  EXPECT_NE(payloads.index_of(9), 0U);
}

TEST(UdpPayloads, SomeRepliesMayComeFromAnotherPort) {
  UdpPayload tftp = payload(69, {exact(bytes({0}))});
  tftp.any_port = true;
  constexpr std::uint16_t kProbed[] = {53, 69};
  const UdpPayloads payloads{{&tftp, 1}, kProbed};
  const auto answer = payloads.read_reply(50000, bytes({0, 5, 0, 1}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->port, 69);
  EXPECT_EQ(payloads.read_reply(69, bytes({0, 5}))->port, 69);
  EXPECT_EQ(payloads.read_reply(53, bytes({0, 5}))->port, 53) << "53 was probed itself";
  EXPECT_FALSE(payloads.read_reply(50000, bytes({1, 5})));
  constexpr std::uint16_t kOther[] = {53};
  EXPECT_FALSE((UdpPayloads{{&tftp, 1}, kOther}.read_reply(50000, bytes({0, 5}))));
}

}  // namespace
}  // namespace trawl::dataplane
