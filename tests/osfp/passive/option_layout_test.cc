#include "osfp/passive/option_layout.h"

#include <gtest/gtest.h>

#include <set>

namespace trawl::osfp {
namespace {

TEST(OptionLayout, PrintsNamesNumbersAndPadding) {
  OptionLayout layout;
  for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{2, 1, 3, 4, 8, 5, 254})
    layout.add(kind);
  layout.end(3);
  EXPECT_EQ(layout.print(), "mss,nop,ws,sok,ts,sack,?254,eol+3");
  EXPECT_EQ(OptionLayout{}.print(), "");
  OptionLayout ended;
  ended.end(0);
  EXPECT_EQ(ended.print(), "eol+0");
}

TEST(OptionLayout, NothingFollowsAnEnd) {
  OptionLayout layout;
  layout.end(2);
  layout.add(OptionLayout::kMss);
  EXPECT_TRUE(layout.kinds().empty());
}

TEST(OptionLayout, KeepsAsManyAsAHeaderCanHold) {
  OptionLayout layout;
  for (std::size_t i = 0; i < OptionLayout::kMost + 5; ++i) layout.add(OptionLayout::kNop);
  EXPECT_EQ(layout.kinds().size(), OptionLayout::kMost);
}

// Each part of a layout moves its hash: order, number, end and padding.
TEST(OptionLayout, LayoutsThatDifferHashApart) {
  std::set<std::uint64_t> hashes;
  for (std::uint8_t first = 0; first < 6; ++first) {
    for (std::uint8_t second = 0; second < 6; ++second) {
      for (std::uint8_t padding = 0; padding < 4; ++padding) {
        OptionLayout layout;
        layout.add(first);
        layout.add(second);
        if (padding > 0) layout.end(static_cast<std::uint8_t>(padding - 1));
        hashes.insert(layout.hash());
      }
    }
  }
  EXPECT_EQ(hashes.size(), 6U * 6U * 4U);
  OptionLayout nops;
  for (std::size_t i = 0; i < OptionLayout::kMost; ++i) {
    hashes.insert(nops.hash());
    nops.add(OptionLayout::kNop);
  }
  // nop,nop is already among them.
  EXPECT_EQ(hashes.size(), 6U * 6U * 4U + OptionLayout::kMost - 1);
}

}  // namespace
}  // namespace trawl::osfp
