#include "nse/host/raw_destinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace trawl::nse {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

std::string ipv4(int words, const std::string& options = {}) {
  return bytes({0x40 + words, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2}) +
         options;
}

std::string frame(int high, int low, const std::string& rest) {
  return std::string(12, '\x02') + bytes({high, low}) + rest;
}

std::vector<std::string> texts(const RawDestinations& to) {
  std::vector<std::string> all;
  for (const IpAddress& address : to.addresses) all.push_back(address.to_string());
  return all;
}

TEST(RawDestinations, ArePacketsDestinationsAndTheirSourceRoutes) {
  EXPECT_THAT(texts(packet_destinations(ipv4(5))), ElementsAre("198.18.0.2"));
  const std::string route = bytes({1, 131, 7, 4, 198, 18, 0, 9, 0, 0, 0, 0});
  EXPECT_THAT(texts(packet_destinations(ipv4(8, route))), ElementsAre("198.18.0.2", "198.18.0.9"));
  const std::string head = bytes({0x60, 0, 0, 0, 0, 24, 43, 64});
  const std::string address = bytes({0x20, 1, 0x0d, 0xb8}) + std::string(11, '\0');
  const std::string route6 = bytes({59, 2, 0, 1, 0, 0, 0, 0}) + address + '\3';
  EXPECT_THAT(texts(packet_destinations(head + address + '\1' + address + '\2' + route6)),
              ElementsAre("2001:db8::2", "2001:db8::3"));
}

TEST(RawDestinations, AreNotReadFromWhatIsCutOff) {
  EXPECT_FALSE(packet_destinations("").readable);
  EXPECT_FALSE(packet_destinations(ipv4(5).substr(0, 19)).readable);
  EXPECT_FALSE(packet_destinations(ipv4(6)).readable);  // Options that are not there.
  EXPECT_FALSE(packet_destinations(std::string(39, '\x60')).readable);
  EXPECT_FALSE(packet_destinations("\x10 not an IP packet at all").readable);
  EXPECT_FALSE(frame_destinations(std::string(13, '\0')).readable);
  EXPECT_FALSE(frame_destinations(frame(8, 0, ipv4(5).substr(0, 10))).readable);
}

TEST(RawDestinations, AreThoseOfWhatAFrameHolds) {
  EXPECT_THAT(texts(frame_destinations(frame(8, 0, ipv4(5)))), ElementsAre("198.18.0.2"));
  const std::string tagged = bytes({0, 7, 8, 0}) + ipv4(5);
  EXPECT_THAT(texts(frame_destinations(frame(0x81, 0, tagged))), ElementsAre("198.18.0.2"));
  const std::string session = bytes({0x11, 0, 0, 1, 0, 22, 0, 0x21}) + ipv4(5);
  EXPECT_THAT(texts(frame_destinations(frame(0x88, 0x64, session))), ElementsAre("198.18.0.2"));
  const std::string arp = bytes({0, 1, 8, 0, 6, 4, 0, 1}) + std::string(6, '\2') +
                          bytes({198, 18, 0, 1}) + std::string(6, '\0') + bytes({198, 18, 0, 5});
  EXPECT_THAT(texts(frame_destinations(frame(8, 6, arp))), ElementsAre("198.18.0.5"));
}

TEST(RawDestinations, AreNoneOfAProtocolWithoutAddresses) {
  const RawDestinations discovery = frame_destinations(frame(0x88, 0x63, "\x11\x09"));
  EXPECT_TRUE(discovery.readable);
  EXPECT_THAT(discovery.addresses, IsEmpty());
}

}  // namespace
}  // namespace trawl::nse
