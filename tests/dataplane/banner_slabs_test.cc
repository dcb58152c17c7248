// Banners on their way from a polling core to the control thread and back, in two threads at once.
#include "dataplane/conversation/banner_slabs.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <span>
#include <thread>

namespace trawl::dataplane {
namespace {

TEST(BannerSlabs, EachIsInOneHandOnly) {
  auto made = BannerSlabs::make(ByteCount{100}, ByteCount{8 * 192}, 1000);
  ASSERT_TRUE(made);
  BannerSlabs& slabs = *made;
  ASSERT_EQ(slabs.count(), 8U);
  std::set<std::uint32_t> out;
  for (int i = 0; i < 8; ++i) out.insert(slabs.obtain());
  EXPECT_EQ(out.size(), 8U);
  EXPECT_EQ(slabs.obtain(), BannerSlabs::kNone);
  slabs.release(3);
  EXPECT_EQ(slabs.obtain(), 3U);
  slabs.publish(5);
  EXPECT_EQ(slabs.obtain(), BannerSlabs::kNone);
  std::array<Banner*, 4> banners{};
  ASSERT_EQ(slabs.take(banners), 1U);
  EXPECT_EQ(banners[0], &slabs.banner(5));
  slabs.give_back({banners.data(), 1});
  EXPECT_EQ(slabs.available(), 1U);
  EXPECT_EQ(slabs.obtain(), 5U);
}

TEST(BannerSlabs, NeverMoreThanMemoryOrNeed) {
  EXPECT_EQ(BannerSlabs::make(ByteCount{1000}, ByteCount{1}, 10)->count(), 1U);
  EXPECT_EQ(BannerSlabs::make(ByteCount{1000}, ByteCount{1U << 30U}, 10)->count(), 10U);
}

TEST(BannerSlabs, BytesArriveWholeWhileBothThreadsWork) {
  constexpr std::uint32_t kBanners = 50'000;
  auto made = BannerSlabs::make(ByteCount{64}, ByteCount{100 * 128}, 1000);
  ASSERT_TRUE(made);
  BannerSlabs& slabs = *made;
  std::jthread core{[&slabs] {
    for (std::uint32_t i = 0; i < kBanners;) {
      const std::uint32_t slab = slabs.obtain();
      if (slab == BannerSlabs::kNone) {
        std::this_thread::yield();
        continue;
      }
      std::memset(slabs.room(slab).data(), static_cast<int>(i & 0xffU), 64);
      slabs.banner(slab).arrival = i++;
      slabs.banner(slab).length = 64;
      slabs.publish(slab);
    }
  }};
  std::uint32_t next = 0;
  while (next < kBanners) {
    std::array<Banner*, 7> banners{};
    const std::size_t count = slabs.take(banners);
    if (count == 0) std::this_thread::yield();
    for (std::size_t i = 0; i < count; ++i, ++next) {
      ASSERT_EQ(banners[i]->arrival, next);
      for (const std::byte byte : banners[i]->bytes()) ASSERT_EQ(byte, std::byte(next & 0xffU));
    }
    slabs.give_back({banners.data(), count});
  }
}

}  // namespace
}  // namespace trawl::dataplane
