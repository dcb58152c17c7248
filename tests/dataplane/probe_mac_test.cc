#include "dataplane/probe_mac.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "dataplane/internal/aes_blocks.h"

namespace trawl::dataplane {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

MacBlock block_of(const Bytes& bytes) {
  MacBlock block;
  std::memcpy(block.words.data(), bytes.data(), bytes.size());
  return block;
}

Bytes bytes_of(const MacBlock& block) {
  Bytes bytes;
  std::memcpy(bytes.data(), block.words.data(), bytes.size());
  return bytes;
}

Bytes counting(std::uint8_t step) {
  Bytes bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * step);
  return bytes;
}

class ProbeMacTest : public testing::TestWithParam<ProbeMac::Implementation> {
 protected:
  static Bytes encrypt(const ScanKey& key, const Bytes& plain) {
    MacBlock block = block_of(plain);
    ProbeMac(key, GetParam()).apply({&block, 1});
    return bytes_of(block);
  }
};

// FIPS 197 appendix C.1.
TEST_P(ProbeMacTest, EncryptsTheExampleVector) {
  const Bytes expected{0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                       0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
  EXPECT_EQ(encrypt(counting(1), counting(0x11)), expected);
}

// FIPS 197 appendix B: a key whose schedule appendix A.1 lists, so that its expansion is checked.
TEST_P(ProbeMacTest, ExpandsTheExampleKey) {
  const ScanKey key{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                    0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
  const Bytes plain{0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d,
                    0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34};
  const Bytes expected{0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb,
                       0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32};
  EXPECT_EQ(encrypt(key, plain), expected);
}

// NIST SP 800-38A appendix F.1.1, four blocks at once.
TEST_P(ProbeMacTest, EncryptsABatchOfExampleVectors) {
  const ScanKey key{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                    0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
  const std::array<Bytes, 4> plain{{{0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d,
                                     0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a},
                                    {0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7,
                                     0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51},
                                    {0x30, 0xc8, 0x1c, 0x46, 0xa3, 0x5c, 0xe4, 0x11, 0xe5, 0xfb,
                                     0xc1, 0x19, 0x1a, 0x0a, 0x52, 0xef},
                                    {0xf6, 0x9f, 0x24, 0x45, 0xdf, 0x4f, 0x9b, 0x17, 0xad, 0x2b,
                                     0x41, 0x7b, 0xe6, 0x6c, 0x37, 0x10}}};
  const std::array<Bytes, 4> expected{{{0x3a, 0xd7, 0x7b, 0xb4, 0x0d, 0x7a, 0x36, 0x60, 0xa8, 0x9e,
                                        0xca, 0xf3, 0x24, 0x66, 0xef, 0x97},
                                       {0xf5, 0xd3, 0xd5, 0x85, 0x03, 0xb9, 0x69, 0x9d, 0xe7, 0x85,
                                        0x89, 0x5a, 0x96, 0xfd, 0xba, 0xaf},
                                       {0x43, 0xb1, 0xcd, 0x7f, 0x59, 0x8e, 0xce, 0x23, 0x88, 0x1b,
                                        0x00, 0xe3, 0xed, 0x03, 0x06, 0x88},
                                       {0x7b, 0x0c, 0x78, 0x5e, 0x27, 0xe8, 0xad, 0x3f, 0x82, 0x23,
                                        0x20, 0x71, 0x04, 0x72, 0x5d, 0xd4}}};
  std::array<MacBlock, 4> blocks;
  std::ranges::transform(plain, blocks.begin(), block_of);
  ProbeMac(key, GetParam()).apply(blocks);
  for (std::size_t i = 0; i < blocks.size(); ++i) EXPECT_EQ(bytes_of(blocks[i]), expected[i]) << i;
}

TEST_P(ProbeMacTest, GivesTheBytesOfThePortableOneAtEveryLength) {
  std::mt19937 random{3};
  ScanKey key;
  for (auto& byte : key) byte = static_cast<std::uint8_t>(random());
  const ProbeMac portable{key, ProbeMac::Implementation::Portable};
  const ProbeMac tested{key, GetParam()};
  for (std::size_t length = 0; length <= 70; ++length) {
    std::vector<MacBlock> expected(length + 1);
    for (MacBlock& block : expected) {
      for (std::uint32_t& word : block.words) word = static_cast<std::uint32_t>(random());
    }
    std::vector<MacBlock> got = expected;
    portable.apply({expected.data(), length});
    tested.apply({got.data(), length});
    // One more than the length: what lies behind stays as it was.
    for (std::size_t i = 0; i <= length; ++i) {
      ASSERT_EQ(bytes_of(got[i]), bytes_of(expected[i])) << i << " of " << length;
    }
  }
}

TEST_P(ProbeMacTest, EveryBitOfTheKeyCounts) {
  const Bytes plain = counting(0x11);
  const Bytes mac = encrypt(counting(1), plain);
  for (unsigned bit = 0; bit < 128; ++bit) {
    ScanKey key = counting(1);
    key[bit / 8] = static_cast<std::uint8_t>(key[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_NE(encrypt(key, plain), mac) << bit;
  }
}

std::string test_name(const testing::TestParamInfo<ProbeMac::Implementation>& tested) {
  std::string name{ProbeMac::name(tested.param)};
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Supported, ProbeMacTest, testing::ValuesIn(ProbeMac::supported()),
                         test_name);

TEST(ProbeMac, ChoosesTheFastestSupported) {
  EXPECT_EQ(ProbeMac::supported().front(), ProbeMac::Implementation::Portable);
  EXPECT_EQ(ProbeMac(ScanKey{}).implementation(), ProbeMac::supported().back());
}

// FIPS 197 figure 7.
TEST(ProbeMac, SubstitutionBoxIsThePublishedOne) {
  EXPECT_EQ(internal::aes_sbox(0x00), 0x63);
  EXPECT_EQ(internal::aes_sbox(0x01), 0x7c);
  EXPECT_EQ(internal::aes_sbox(0x53), 0xed);
  EXPECT_EQ(internal::aes_sbox(0xff), 0x16);
}

}  // namespace
}  // namespace trawl::dataplane
