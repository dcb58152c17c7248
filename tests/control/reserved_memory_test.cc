#include "control/survey/reserved_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>

namespace trawl::control {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargePage = std::size_t{2} << 20U;

std::uint64_t address_space_of_this_process() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t pages = 0;
  statm >> pages;
  return pages;
}

// Otherwise no part of it can be in a large page before Linux 6.7.
TEST(ReservedMemory, BeginsAtALargePageWhereItHoldsOne) {
  for (const std::size_t size : {kLargePage, kLargePage + 8, 3 * kLargePage - kPage - 1}) {
    const ReservedMemory memory{ByteCount{size}, ByteCount{size}};
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % kLargePage, 0U) << size;
    EXPECT_EQ(memory.size(), ByteCount{size});
  }
}

TEST(ReservedMemory, IsAllThereAndZero) {
  for (const std::size_t size : {std::size_t{1}, kPage + 1, kLargePage + kPage + 1}) {
    const ReservedMemory memory{ByteCount{size}, ByteCount{size}};
    auto* const bytes = static_cast<unsigned char*>(memory.data());
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bytes[i], 0) << i;
    std::memset(bytes, 0xff, size);
  }
}

TEST(ReservedMemory, GivesBackAllItTook) {
  const auto take_some = [] {
    for (const std::size_t size : {kPage + 1, kLargePage + 8, 2 * kLargePage}) {
      const ReservedMemory memory{ByteCount{size}, ByteCount{size}};
    }
  };
  take_some();
  const std::uint64_t before = address_space_of_this_process();
  for (int i = 0; i < 100; ++i) take_some();
  EXPECT_EQ(address_space_of_this_process(), before);
}

}  // namespace
}  // namespace trawl::control
