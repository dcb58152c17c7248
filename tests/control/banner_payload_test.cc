#include "control/survey/banner_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "control/banners/banner_questions.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using testing::HasSubstr;

TEST(BannerPayload, IsTheBytesOfAFile) {
  const std::string bytes{"\0\xff\r\n", 4};
  const TempFile file{bytes, ".a"};
  const auto read = BannerPayload{.ports = {80, 81}, .path = file.path()}.read();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->bytes, bytes);
  EXPECT_EQ(read->name, file.path());
  EXPECT_THAT(read->ports, testing::ElementsAre(80, 81));
  const TempFile longest{std::string(1024, 'x'), ".b"};
  EXPECT_TRUE((BannerPayload{.ports = {80}, .path = longest.path()}.read()));
}

TEST(BannerPayload, FilesThatCannotBeSaidAreRefused) {
  const TempFile empty{"", ".a"};
  const TempFile large{std::string(1025, 'x'), ".b"};
  const auto refusal = [](const std::string& path) {
    const auto read = BannerPayload{.ports = {80}, .path = path}.read();
    EXPECT_FALSE(read);
    if (read) return std::string{};
    EXPECT_EQ(read.error().code, ExitCode::BadInput);
    return read.error().message;
  };
  EXPECT_THAT(refusal(empty.path()), HasSubstr("is empty"));
  EXPECT_THAT(refusal(large.path()), HasSubstr("more than 1024 bytes"));
  EXPECT_THAT(refusal("/nonexistent/hello"), HasSubstr("cannot be read"));
  EXPECT_THAT(refusal("/tmp"), HasSubstr("--banner-payload"));
}

}  // namespace
}  // namespace trawl::control
