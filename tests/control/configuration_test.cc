#include "control/steward/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Trust = ConfigurationSource::Trust;

Configuration parsed(std::string_view content) {
  auto configuration = parse_configuration(content, "t.conf");
  EXPECT_TRUE(configuration) << configuration.error().message;
  return configuration ? *configuration : Configuration{};
}

std::string refused(std::string_view content) {
  const auto configuration = parse_configuration(content, "t.conf");
  if (configuration) return "accepted";
  EXPECT_EQ(configuration.error().code, ExitCode::BadInput);
  return configuration.error().message;
}

TEST(Configuration, TakesEveryKey) {
  const Configuration got = parsed(
      "\xef\xbb\xbf# Who we are\r\n"
      "contact = https://example.net/#scans\r\n"
      "  max-rate=50k # packets a second\n"
      "\n"
      "blocklist = /etc/trawl/never.txt\n"
      "blocklist = /etc/trawl/also never.txt\n"
      "opt-out\t=\t/var/lib/opt-out.txt\n"
      "allow-special = 198.18.0.0/15\n"
      "allow-special = 10.0.0.0/8, 192.168.0.0/16");
  EXPECT_EQ(got.contact, "https://example.net/#scans");
  ASSERT_TRUE(got.max_rate);
  EXPECT_EQ(got.max_rate->rate.for_frame(ByteCount{74}), PacketsPerSecond{50'000.0});
  EXPECT_EQ(got.max_rate->text, "50k");
  EXPECT_EQ(got.max_rate->place, "t.conf:3");
  EXPECT_THAT(got.blocklists, ElementsAre("/etc/trawl/never.txt", "/etc/trawl/also never.txt"));
  EXPECT_THAT(got.opt_outs, ElementsAre("/var/lib/opt-out.txt"));
  EXPECT_THAT(got.allow_special, ElementsAre("198.18.0.0/15", "10.0.0.0/8, 192.168.0.0/16"));
}

TEST(Configuration, EmptyDecidesNothing) {
  for (const char* content : {"", "\n\n", "# only words", "   \t\r\n#"}) {
    const Configuration got = parsed(content);
    EXPECT_EQ(got.contact, "");
    EXPECT_FALSE(got.max_rate);
    EXPECT_THAT(got.blocklists, IsEmpty());
  }
}

TEST(Configuration, MistakesNameFileAndLine) {
  EXPECT_EQ(refused("\ncontact scans@example.net\n"),
            "t.conf:2: \"contact scans@example.net\" is not of the form key = value");
  EXPECT_EQ(refused("maxrate = 1k"),
            "t.conf:1: there is no key \"maxrate\" (did you mean max-rate?); see trawl.conf(5)");
  EXPECT_EQ(refused("= 1k"), "t.conf:1: there is no key \"\"; see trawl.conf(5)");
  EXPECT_EQ(refused("contact = # later"),
            "t.conf:1: contact has no value; give one or take it out");
  EXPECT_THAT(refused("contact = nobody"), StartsWith("t.conf:1: contact: \"nobody\" is no way"));
  EXPECT_EQ(refused("contact = a@b.net\n#\ncontact = c@d.net"),
            "t.conf:3: contact is already given on line 1; keep one of them");
  EXPECT_THAT(refused("max-rate = 1k\nmax-rate = 1k"), StartsWith("t.conf:2: max-rate is already"));
  EXPECT_THAT(refused("max-rate = fast"), StartsWith("t.conf:1: max-rate: \"fast\" is not a rate"));
  EXPECT_THAT(refused("max-rate = max"), StartsWith("t.conf:1: max-rate: \"max\" is no limit"));
  EXPECT_EQ(refused("blocklist = never.txt"),
            "t.conf:1: blocklist: \"never.txt\" is not an absolute path; start it with /");
  EXPECT_THAT(refused("opt-out = -"), StartsWith("t.conf:1: opt-out: \"-\" is not an absolute"));
  EXPECT_THAT(refused("allow-special = 8.8.8.0/24"), HasSubstr("reaches outside special-purpose"));
  EXPECT_THAT(refused("allow-special = x"), StartsWith("t.conf:1: allow-special: \"x\""));
  EXPECT_EQ(refused(std::string_view{"contact = a\0b", 13}), "t.conf:1: the byte 0x00 is not text");
}

TEST(Configuration, OnlyRootMayBeAbleToChangeIt) {
  EXPECT_FALSE(why_not_trusted(0, 0100644));
  EXPECT_FALSE(why_not_trusted(0, 0040755));
  EXPECT_FALSE(why_not_trusted(0, 0100600));
  EXPECT_EQ(why_not_trusted(1000, 0100644), "is owned by user 1000 and not by root");
  for (const mode_t mode : {0100664U, 0100646U, 0100666U, 0040777U, 0041777U}) {
    EXPECT_EQ(why_not_trusted(0, mode), "can be written by others than root") << std::oct << mode;
  }
}

TEST(Configuration, TheVariableCountsOnlyWhereTheSystemHasNone) {
  const TempFile system{"", ".conf"};
  const auto present = find_configuration(system.path(), "/other.conf");
  EXPECT_EQ(present.path, system.path());
  EXPECT_EQ(present.trust, Trust::RootOnly);
  const auto absent = find_configuration(system.path() + ".none", "/other.conf");
  EXPECT_EQ(absent.path, "/other.conf");
  EXPECT_EQ(absent.trust, Trust::Anyone);
  for (const char* variable : {static_cast<const char*>(nullptr), ""}) {
    const auto none = find_configuration(system.path() + ".none", variable);
    EXPECT_EQ(none.path, "");
    const auto configuration = read_configuration(none);
    ASSERT_TRUE(configuration);
    EXPECT_FALSE(configuration->max_rate);
  }
}

// A link to nowhere is still the administrator's word that there is a configuration.
TEST(Configuration, ALinkToNowhereIsNoWayAround) {
  const TempFile link{".conf"};
  ASSERT_EQ(::symlink("/nonexistent/trawl.conf", link.path().c_str()), 0);
  const auto source = find_configuration(link.path(), "/other.conf");
  EXPECT_EQ(source.path, link.path());
  EXPECT_FALSE(read_configuration(source));
}

TEST(Configuration, ReadsATrustedFileAndRefusesAnyOther) {
  const TempFile file{"contact = a@example.net\n", ".conf"};
  const auto open = read_configuration({.path = file.path(), .trust = Trust::Anyone});
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_EQ(open->contact, "mailto:a@example.net");
  // The directory of temporary files is everybody's.
  const auto closed = read_configuration({.path = file.path(), .trust = Trust::RootOnly});
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ExitCode::BadInput);
  EXPECT_THAT(closed.error().message, HasSubstr("so the limits in it would bind nobody"));
  const auto missing = read_configuration({.path = file.path() + "x", .trust = Trust::Anyone});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, StartsWith(file.path() + "x: cannot be read: "));
}

TEST(Configuration, OfRootAloneIsRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a file of root's";
  const std::string folder = testing::TempDir() + "trawl_conf_" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(folder.c_str(), 0755), 0);
  const std::string path = folder + "/trawl.conf";
  std::ofstream{path} << "max-rate = 1k\n";
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_TRUE(read_configuration({.path = path, .trust = Trust::RootOnly}));
  ASSERT_EQ(::chmod(path.c_str(), 0664), 0);
  EXPECT_FALSE(read_configuration({.path = path, .trust = Trust::RootOnly}));
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  EXPECT_FALSE(read_configuration({.path = path, .trust = Trust::RootOnly}));
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(::chown(path.c_str(), 65534, 0), 0);
  EXPECT_FALSE(read_configuration({.path = path, .trust = Trust::RootOnly}));
  std::remove(path.c_str());
  ::rmdir(folder.c_str());
}

}  // namespace
}  // namespace trawl::control
