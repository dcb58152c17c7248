#include "dataplane/cookie.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace trawl::dataplane {
namespace {

constexpr ScanKey kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr Ipv4Address kSource{0xc6120001};
constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr Target kTarget{Ipv4Address{0xc6130307}, 443};

Cookie cookie_of(const CookieMaker& maker, Target target) {
  Cookie cookie{};
  maker.make({&target, 1}, {&cookie, 1});
  return cookie;
}

// What of a cookie a reply must prove.
std::uint64_t proof(Cookie cookie) {
  return std::uint64_t{cookie.sequence} << 16U | cookie.source_port;
}

TEST(Cookie, ASecondMakerWithTheSameKeyValidatesIt) {
  const Cookie sent = cookie_of(CookieMaker{kKey, kSource, kPorts}, kTarget);
  const Cookie expected = cookie_of(CookieMaker{kKey, kSource, kPorts}, kTarget);
  EXPECT_EQ(proof(sent), proof(expected));
  EXPECT_EQ(sent.ip_id, expected.ip_id);
}

TEST(Cookie, EverythingItStandsForChangesIt) {
  const CookieMaker maker{kKey, kSource, kPorts};
  std::set<std::uint64_t> proofs{proof(cookie_of(maker, kTarget))};
  ScanKey other_key = kKey;
  other_key[15] ^= 1U;
  proofs.insert(proof(cookie_of(CookieMaker{other_key, kSource, kPorts}, kTarget)));
  proofs.insert(proof(cookie_of(CookieMaker{kKey, Ipv4Address{0xc6120002}, kPorts}, kTarget)));
  proofs.insert(proof(cookie_of(maker, {kTarget.ip, 444})));
  proofs.insert(proof(cookie_of(maker, {kTarget.ip, 0xbb00})));
  proofs.insert(proof(cookie_of(maker, {Ipv4Address{0xc6130308}, kTarget.port})));
  proofs.insert(proof(cookie_of(CookieMaker{kKey, kSource, kPorts, ProbeKind::TcpAck}, kTarget)));
  EXPECT_EQ(proofs.size(), 7U);
}

TEST(Cookie, BatchesOfEverySizeEqualSingleOnes) {
  const CookieMaker maker{kKey, kSource, kPorts};
  for (std::size_t size = 0; size <= CookieMaker::kMostBatch; ++size) {
    std::vector<Target> targets(size);
    for (std::size_t i = 0; i < size; ++i) {
      targets[i] = {Ipv4Address{static_cast<std::uint32_t>(i * 0x01010101)},
                    static_cast<std::uint16_t>(i * 1021)};
    }
    std::vector<Cookie> cookies(size);
    maker.make(targets, cookies);
    for (std::size_t i = 0; i < size; ++i) {
      const Cookie single = cookie_of(maker, targets[i]);
      ASSERT_EQ(proof(cookies[i]), proof(single));
      ASSERT_EQ(cookies[i].ip_id, single.ip_id);
    }
  }
}

TEST(Cookie, SourcePortsStayInRangeWhateverItIs) {
  for (const PortRange ports : {PortRange{61000, 61000}, PortRange{0, 65535}, PortRange{0, 0},
                                PortRange{65535, 65535}, PortRange{1, 2}, kPorts}) {
    const CookieMaker maker{kKey, kSource, ports};
    for (std::uint32_t i = 0; i < 5000; ++i) {
      ASSERT_TRUE(ports.contains(cookie_of(maker, {Ipv4Address{i}, 80}).source_port));
    }
  }
}

TEST(Cookie, EachTargetHasOneOfTheSources) {
  std::vector<Ipv4Address> all;
  for (std::uint32_t i = 0; i < 5; ++i) all.emplace_back(kSource.value() + 3 * i);
  const CookieMaker maker{kKey, SourceAddresses{all}, kPorts};
  std::map<std::uint32_t, int> uses;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const Target target{Ipv4Address{i * 0x01010101U}, 443};
    Cookie cookie{};
    Ipv4Address source;
    maker.make({&target, 1}, {&cookie, 1}, {&source, 1});
    EXPECT_EQ(proof(cookie), proof(cookie_of(maker, target)));
    Ipv4Address again;
    maker.make({&target, 1}, {&cookie, 1}, {&again, 1});
    ASSERT_EQ(source, again);
    ++uses[source.value()];
  }
  ASSERT_EQ(uses.size(), all.size());
  for (const Ipv4Address source : all) EXPECT_NEAR(uses[source.value()], 1000, 150);
}

TEST(SourceAddresses, KnowTheirOwn) {
  const SourceAddresses one{kSource};
  EXPECT_FALSE(one.several());
  EXPECT_TRUE(one.contains(kSource));
  EXPECT_FALSE(one.contains(Ipv4Address{kSource.value() + 1}));
  EXPECT_FALSE(SourceAddresses{std::vector{kSource}}.several());
  const Ipv4Address last{kSource.value() + 9};
  const SourceAddresses two{std::vector{kSource, last}};
  EXPECT_TRUE(two.several());
  EXPECT_EQ(two.first(), kSource);
  EXPECT_TRUE(two.contains(last));
  EXPECT_FALSE(two.contains(Ipv4Address{kSource.value() + 1}));
  EXPECT_EQ(two.pick(0), kSource);
  EXPECT_EQ(two.pick(0xffffffff), last);
}

TEST(Cookie, SourcePortsAreUniform) {
  const CookieMaker maker{kKey, kSource, kPorts};
  constexpr std::uint32_t kDraws = 400'000;
  std::vector<double> counts(kPorts.size());
  std::array<Target, 64> targets;
  std::array<Cookie, 64> cookies;
  for (std::uint32_t i = 0; i < kDraws; i += 64) {
    for (std::uint32_t j = 0; j < 64; ++j) targets[j] = {Ipv4Address{0x0b000000U + i + j}, 443};
    maker.make(targets, cookies);
    for (const Cookie& cookie : cookies) ++counts[cookie.source_port - kPorts.first];
  }
  const double expected = kDraws / static_cast<double>(counts.size());
  double chi_square = 0.0;
  for (const double count : counts)
    chi_square += (count - expected) * (count - expected) / expected;
  // 3999 degrees of freedom: mean 3999, standard deviation 89.4; four of them each way.
  EXPECT_NEAR(chi_square, 3999.0, 358.0);
}

constexpr Ipv6Address kSource6{(Uint128{0x20010db8} << 96U) + 1};
constexpr Target6 kTarget6{Ipv6Address{(Uint128{0x20010db8'00010002} << 64U) | 0xa00000000000000bU},
                           443};

Cookie cookie_of(const CookieMaker6& maker, Target6 target) {
  Cookie cookie{};
  maker.make({&target, 1}, {&cookie, 1});
  return cookie;
}

TEST(Cookie6, EverythingItStandsForChangesIt) {
  const CookieMaker6 maker{kKey, kSource6, kPorts};
  std::set<std::uint64_t> proofs{proof(cookie_of(maker, kTarget6))};
  ScanKey other_key = kKey;
  other_key[15] ^= 1U;
  proofs.insert(proof(cookie_of(CookieMaker6{other_key, kSource6, kPorts}, kTarget6)));
  proofs.insert(proof(cookie_of(maker, {kTarget6.ip, 444})));
  proofs.insert(proof(cookie_of(CookieMaker6{kKey, kSource6, kPorts, ProbeKind::Udp}, kTarget6)));
  // Every bit of both addresses.
  for (unsigned bit = 0; bit < 128; ++bit) {
    const Uint128 flip = Uint128{1} << bit;
    const Ipv6Address source{kSource6.value() ^ flip};
    const Ipv6Address target{kTarget6.ip.value() ^ flip};
    proofs.insert(proof(cookie_of(CookieMaker6{kKey, source, kPorts}, kTarget6)));
    proofs.insert(proof(cookie_of(maker, {target, kTarget6.port})));
  }
  EXPECT_EQ(proofs.size(), 4U + 256U);
}

// What another program has to do to validate a reply: CBC-MAC over source, target, port and kind.
TEST(Cookie6, IsACbcMacOfThreeBlocks) {
  const ProbeMac mac{kKey, ProbeMac::Implementation::Portable};
  std::array<MacBlock, 1> block{};
  const auto next = [&](std::array<std::uint32_t, 4> words) {
    for (unsigned i = 0; i < 4; ++i) block[0].words[i] ^= words[i];
    mac.apply(block);
  };
  next({0x20010db8, 0, 0, 1});
  next({0x20010db8, 0x00010002, 0xa0000000, 0x0000000b});
  next({443U << 8U | 1U, 0, 0, 0});
  const Cookie cookie = cookie_of(CookieMaker6{kKey, kSource6, kPorts}, kTarget6);
  EXPECT_EQ(cookie.sequence, block[0].words[0]);
  EXPECT_EQ(cookie.ip_id, static_cast<std::uint16_t>(block[0].words[2]));
}

TEST(Cookie6, BatchesOfEverySizeEqualSingleOnes) {
  const CookieMaker6 maker{kKey, kSource6, kPorts};
  for (const std::size_t size : {0U, 1U, 7U, 63U, 64U}) {
    std::vector<Target6> targets(size);
    for (std::size_t i = 0; i < size; ++i) {
      targets[i] = {Ipv6Address{kTarget6.ip.value() + i}, static_cast<std::uint16_t>(i)};
    }
    std::vector<Cookie> cookies(size);
    maker.make(targets, cookies);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_EQ(proof(cookies[i]), proof(cookie_of(maker, targets[i])));
    }
  }
}

}  // namespace
}  // namespace trawl::dataplane
