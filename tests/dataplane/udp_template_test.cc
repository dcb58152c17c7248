#include "dataplane/udp_template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr Cookie kCookie{.sequence = 0x89abcdef, .source_port = 61234, .ip_id = 0x5678};
constexpr std::uint32_t kStamp = 0xa1b2c3d9;

UdpPayload payload_of(std::vector<std::uint16_t> ports, std::size_t size,
                      std::vector<UdpSlot> slots) {
  UdpPayload payload{.name = "",
                     .ports = std::move(ports),
                     .bytes = std::vector<std::byte>(size, std::byte{0x11}),
                     .slots = std::move(slots),
                     .reply = {},
                     .any_port = false};
  for (const UdpSlot& slot : payload.slots) {
    std::fill_n(payload.bytes.begin() + slot.at, size_of(slot.field), std::byte{0});
  }
  return payload;
}

// One payload with every field, first at even and then at odd offsets; one as long as allowed.
std::shared_ptr<const UdpPayloads> payloads() {
  using enum UdpField;
  const std::vector<UdpPayload> given{
      payload_of({1000}, 40,
                 {{Id32, 0}, {Id16, 4}, {IdHex, 6}, {Stamp, 14}, {Id30, 18}, {Id7, 22}}),
      payload_of({1001}, 41,
                 {{Id7, 1}, {Id32, 3}, {IdHex, 9}, {Stamp, 17}, {Id30, 21}, {Id16, 25}}),
      payload_of({1002}, UdpPayload::kMostBytes, {{Id16, 1398}})};
  static constexpr std::uint16_t kProbed[] = {7, 1000, 1001, 1002};
  return std::make_shared<const UdpPayloads>(given, kProbed);
}

Frame frame_to(std::uint16_t port, Cookie cookie = kCookie, std::uint32_t stamp = kStamp,
               Ipv4Address ip = kPeer) {
  static const UdpTemplate probe{ProbeSource{kOurMac, kOurs}, payloads()};
  Frame frame(UdpTemplate::kLargestFrame, std::byte{0x5a});
  const std::size_t size = probe.write(frame.data(), 0, {ip, port}, cookie, stamp);
  for (std::size_t i = size; i < frame.size(); ++i) EXPECT_EQ(frame[i], std::byte{0x5a});
  frame.resize(size);
  return frame;
}

std::string text_at(const Frame& frame, std::size_t at, std::size_t size) {
  return {reinterpret_cast<const char*>(frame.data()) + at, size};
}

TEST(UdpTemplate, PortsWithoutPayloadGetAnEmptyDatagram) {
  const Frame frame = frame_to(7);
  ASSERT_EQ(frame.size(), 42U);
  EXPECT_EQ(get_mac(frame, 6), MacAddress::from_integer(0x000000000001U)) << "behind the head";
  EXPECT_EQ(get16(frame, 12), 0x0800U);
  EXPECT_EQ(get16(frame, 16), 28U) << "total length";
  EXPECT_EQ(get8(frame, 23), 17U) << "UDP";
  EXPECT_EQ(get32(frame, 26), kOurs.value());
  EXPECT_EQ(get32(frame, 30), kPeer.value());
  EXPECT_EQ(get16(frame, 34), 61234U);
  EXPECT_EQ(get16(frame, 36), 7U);
  EXPECT_EQ(get16(frame, 38), 8U) << "length";
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(udp_checksum_is_right(frame));
}

TEST(UdpTemplate, FieldsAreWrittenIntoTheirSlots) {
  const Frame even = frame_to(1000);
  ASSERT_EQ(even.size(), 82U);
  EXPECT_EQ(get16(even, 38), 48U) << "length";
  EXPECT_EQ(get32(even, 42), 0x89abcdefU);
  EXPECT_EQ(get16(even, 46), 0xcdefU);
  EXPECT_EQ(text_at(even, 48, 8), "89abcdef");
  EXPECT_EQ(get32(even, 56), kStamp);
  EXPECT_EQ(get32(even, 60), 0x49abcdefU);
  EXPECT_EQ(get8(even, 64), 0x6fU);
  EXPECT_EQ(get8(even, 65), 0x11U);
  const Frame odd = frame_to(1001);
  ASSERT_EQ(odd.size(), 83U);
  EXPECT_EQ(get8(odd, 43), 0x6fU);
  EXPECT_EQ(get32(odd, 45), 0x89abcdefU);
  EXPECT_EQ(text_at(odd, 51, 8), "89abcdef");
  EXPECT_EQ(get32(odd, 59), kStamp);
  EXPECT_EQ(get32(odd, 63), 0x49abcdefU);
  EXPECT_EQ(get16(odd, 67), 0xcdefU);
  EXPECT_EQ(frame_to(1002).size(), 1442U);
}

TEST(UdpTemplate, ChecksumsAreRightForRandomProbes) {
  std::mt19937_64 random{12};
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    const Cookie cookie{i % 5 == 0 ? 0xffffffffU : static_cast<std::uint32_t>(random()),
                        static_cast<std::uint16_t>(bits), static_cast<std::uint16_t>(bits >> 16U)};
    constexpr std::uint16_t kProbed[] = {7, 1000, 1001, 1002};
    const Frame frame = frame_to(kProbed[i % 4], cookie, static_cast<std::uint32_t>(bits >> 32U),
                                 Ipv4Address{static_cast<std::uint32_t>(random())});
    ASSERT_TRUE(ip_checksum_is_right(frame));
    ASSERT_TRUE(udp_checksum_is_right(frame)) << i;
    ASSERT_NE(get16(frame, 40), 0U) << "zero says that there is no checksum";
  }
}

// Of all source ports one gives a sum of zero.
TEST(UdpTemplate, ChecksumOfZeroIsSentAsAllOnes) {
  bool seen = false;
  for (unsigned port = 0; port < 65536; ++port) {
    const Frame frame = frame_to(7, {1, static_cast<std::uint16_t>(port), 0});
    ASSERT_NE(get16(frame, 40), 0U);
    seen = seen || get16(frame, 40) == 0xffff;
  }
  EXPECT_TRUE(seen);
}

TEST(UdpTemplate, MeanFrameSizeCountsShortFramesAsPadded) {
  constexpr std::uint16_t kEmpty[] = {7};
  constexpr std::uint16_t kTwo[] = {7, 1001};
  EXPECT_EQ(UdpTemplate::mean_frame_size(*payloads(), kEmpty).count(), 60U);
  EXPECT_EQ(UdpTemplate::mean_frame_size(*payloads(), kTwo).count(), 72U) << "(60 + 83) / 2, up";
}

}  // namespace
}  // namespace trawl::dataplane
