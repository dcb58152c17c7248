#include "control/steward/live_blocklist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>

#include "control/steward/sha256.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

AnyAddress address(const char* text) { return *parse_any_address(text); }

void write(const TempFile& file, std::string_view content) {
  std::ofstream{file.path(), std::ios::binary | std::ios::trunc} << content;
}

AddressList fixed() {
  AddressList list;
  list.v4.add(*Ipv4Prefix::parse("10.0.0.0/8"));
  list.v6.add(*Ipv6Prefix::parse("fe80::/10"));
  return list;
}

LiveBlocklist opened(const TempFile& blocklist, const TempFile& opt_out) {
  auto live =
      LiveBlocklist::open(fixed(), std::array{blocklist.path()}, std::array{opt_out.path()});
  EXPECT_TRUE(live) << live.error().message;
  return live ? std::move(*live) : LiveBlocklist{};
}

TEST(LiveBlocklist, MergesWhatIsFixedAndEveryFile) {
  const TempFile block{"8.8.8.0/24\n", ".block"};
  const TempFile out{"9.9.9.9\n2a00::1\n", ".out"};
  const LiveBlocklist live = opened(block, out);
  EXPECT_EQ(live.blocked().to_text(),
            "8.8.8.0/24\n9.9.9.9/32\n10.0.0.0/8\n2a00::1/128\nfe80::/10\n");
  EXPECT_EQ(live.digest(), sha256_hex(live.blocked().to_text()));
  EXPECT_EQ(live.first_digest(), live.digest());
  ASSERT_EQ(live.files().size(), 2U);
  EXPECT_EQ(live.files()[0].kind, ListKind::Blocklist);
  EXPECT_EQ(live.files()[0].sha256, sha256_hex("8.8.8.0/24\n"));
  EXPECT_EQ(live.files()[1].kind, ListKind::OptOut);
  EXPECT_EQ(live.files()[1].path, out.path());
  EXPECT_EQ(live.reloads(), 0U);
}

TEST(LiveBlocklist, DoesNotStartWithAListItCannotRead) {
  const TempFile bad{"8.8.8.8\noops\n", ".bad"};
  const auto unparsed = LiveBlocklist::open(fixed(), std::array{bad.path()}, {});
  ASSERT_FALSE(unparsed);
  EXPECT_EQ(unparsed.error().code, ExitCode::BadInput);
  EXPECT_THAT(unparsed.error().message, HasSubstr(bad.path() + ":2: \"oops\""));
  EXPECT_FALSE(LiveBlocklist::open(fixed(), {}, std::array{bad.path() + ".none"}));
}

TEST(LiveBlocklist, AReadingBlocksWhatIsNew) {
  const TempFile block{"8.8.8.0/24\n", ".block"};
  const TempFile out{"", ".out"};
  LiveBlocklist live = opened(block, out);
  write(out, "9.9.9.9\n");
  const auto reading = live.reload();
  EXPECT_TRUE(reading.changed);
  EXPECT_THAT(reading.problems, IsEmpty());
  EXPECT_TRUE(live.blocked().contains(address("9.9.9.9")));
  EXPECT_TRUE(live.blocked().contains(address("8.8.8.8")));
  EXPECT_NE(live.digest(), live.first_digest());
  EXPECT_EQ(live.files()[1].sha256, sha256_hex("9.9.9.9\n"));
  EXPECT_EQ(live.reloads(), 1U);
  EXPECT_FALSE(live.reload().changed);
  EXPECT_EQ(live.reloads(), 2U);
}

TEST(LiveBlocklist, TheStartStaysBlockedAndLaterEntriesCanGoAgain) {
  const TempFile block{"8.8.8.0/24\n", ".block"};
  const TempFile out{"", ".out"};
  LiveBlocklist live = opened(block, out);
  write(out, "0.0.0.0/0\n");
  EXPECT_TRUE(live.reload().changed);
  write(out, "9.9.9.9\n");
  write(block, "");
  EXPECT_TRUE(live.reload().changed);
  EXPECT_FALSE(live.blocked().contains(address("7.7.7.7")));
  EXPECT_TRUE(live.blocked().contains(address("9.9.9.9")));
  EXPECT_TRUE(live.blocked().contains(address("8.8.8.8")));
  EXPECT_TRUE(live.blocked().contains(address("10.1.1.1")));
  write(out, "");
  EXPECT_TRUE(live.reload().changed);
  EXPECT_EQ(live.digest(), live.first_digest());
}

TEST(LiveBlocklist, AFileThatCannotBeReadKeepsItsListAndTheOthersAreRead) {
  const TempFile block{"8.8.8.0/24\n", ".block"};
  const TempFile out{"", ".out"};
  LiveBlocklist live = opened(block, out);
  write(out, "9.9.9.9\n");
  ASSERT_TRUE(live.reload().changed);
  write(out, "9.9.9.9\n7.7.7.oops\n");
  write(block, "6.6.6.6\n");
  const auto reading = live.reload();
  EXPECT_TRUE(reading.changed);
  EXPECT_THAT(reading.problems,
              ElementsAre(testing::AllOf(HasSubstr(out.path() + ":2: "),
                                         HasSubstr("; what the opt-out list last held stays"))));
  EXPECT_TRUE(live.blocked().contains(address("9.9.9.9")));
  EXPECT_TRUE(live.blocked().contains(address("6.6.6.6")));
  EXPECT_EQ(live.files()[1].sha256, sha256_hex("9.9.9.9\n"));
  std::remove(out.path().c_str());
  EXPECT_THAT(live.reload().problems, ElementsAre(HasSubstr("cannot be read")));
  EXPECT_TRUE(live.blocked().contains(address("9.9.9.9")));
}

TEST(LiveBlocklist, WithoutFilesNothingChanges) {
  auto live = LiveBlocklist::open(fixed(), {}, {});
  ASSERT_TRUE(live);
  EXPECT_FALSE(live->reload().changed);
  EXPECT_THAT(live->files(), IsEmpty());
}

}  // namespace
}  // namespace trawl::control
