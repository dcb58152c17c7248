#include "control/steward/probing_txt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr sys_seconds kNow = sys_days{std::chrono::year{2026} / 11 / 21} + 12h;

TEST(ProbingTxt, HasTheFieldsOfRfc9511OneALine) {
  const ProbingTxt file{.canonical = "https://scan.example.net/.well-known/probing.txt",
                        .contacts = {"https://example.net/scans", "mailto:scans@example.net"},
                        .expires = sys_days{std::chrono::year{2027} / 3 / 31} + 23h + 5s,
                        .languages = {"en", "pt-BR"},
                        .description = "One probe to each address."};
  EXPECT_EQ(file.to_text(),
            "# Who probes from here, and why (RFC 9511).\n"
            "Canonical: https://scan.example.net/.well-known/probing.txt\n"
            "Contact: https://example.net/scans\n"
            "Contact: mailto:scans@example.net\n"
            "Expires: 2027-03-31T23:00:05Z\n"
            "Preferred-Languages: en, pt-BR\n"
            "Description: One probe to each address.\n");
  EXPECT_EQ(file.uri(), "https://scan.example.net/.well-known/probing.txt");
}

TEST(ProbingTxt, LeavesOutWhatWasNotSaid) {
  ProbingTxt file{.canonical = {},
                  .contacts = {"https://example.net/scans", "mailto:scans@example.net"},
                  .expires = kNow,
                  .languages = {},
                  .description = "d"};
  EXPECT_EQ(file.to_text().find("Canonical"), std::string::npos);
  EXPECT_EQ(file.to_text().find("Languages"), std::string::npos);
  // An https: URI would have to be that of the file.
  EXPECT_EQ(file.uri(), "mailto:scans@example.net");
  file.contacts.pop_back();
  EXPECT_EQ(file.uri(), "");
}

TEST(ProbingTxt, UrlIsTheOneWellKnownPlace) {
  const std::string place = "https://scan.example.net/.well-known/probing.txt";
  for (const char* text :
       {"https://scan.example.net", "https://scan.example.net/", place.c_str()}) {
    EXPECT_EQ(parse_probing_url(text, "--url").value_or("?"), place) << text;
  }
  EXPECT_EQ(parse_probing_url("https://[2a00::1]:8443", "--url").value_or("?"),
            "https://[2a00::1]:8443/.well-known/probing.txt");
  for (const char* text :
       {"", "scan.example.net", "http://scan.example.net", "https://", "https:///x", "https://a b",
        "https://a\nb", "https://a/probing.txt", "https://a/?q", "https://user@host"}) {
    const auto url = parse_probing_url(text, "--url");
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ExitCode::Usage);
    EXPECT_TRUE(url.error().message.starts_with("--url: ")) << url.error().message;
  }
}

TEST(ProbingTxt, LanguagesAreTags) {
  EXPECT_THAT(*parse_languages("en, pt-BR,zh-Hant-TW", "-l"),
              ElementsAre("en", "pt-BR", "zh-Hant-TW"));
  for (const char* text : {"", "en,", "e", "en-", "en_US", "english language", "12", "en\nX: y"}) {
    EXPECT_FALSE(parse_languages(text, "-l")) << text;
  }
}

TEST(ProbingTxt, ExpiryIsATimeFromNowADayOrAMoment) {
  EXPECT_EQ(*parse_expiry("90d", "-e", kNow), kNow + 90 * 24h);
  EXPECT_EQ(*parse_expiry("2027-03-31", "-e", kNow),
            sys_seconds{sys_days{std::chrono::year{2027} / 3 / 31}});
  EXPECT_EQ(*parse_expiry("2028-02-29T23:59:58Z", "-e", kNow),
            sys_days{std::chrono::year{2028} / 2 / 29} + 23h + 59min + 58s);
  for (const char* text : {"", "90", "soon", "2027-13-01", "2027-02-29", "2027-03-31T24:00:00Z",
                           "2027-03-31T12:00:00", "2027-3-31", "-5d", "2027-03-31 "}) {
    const auto expiry = parse_expiry(text, "-e", kNow);
    ASSERT_FALSE(expiry) << text;
    EXPECT_THAT(expiry.error().message, HasSubstr("is no time"));
  }
  for (const char* text : {"2026-11-21", "2026-11-21T12:00:00Z", "0s", "1999-01-01"}) {
    const auto expiry = parse_expiry(text, "-e", kNow);
    ASSERT_FALSE(expiry) << text;
    EXPECT_THAT(expiry.error().message, HasSubstr("is over"));
  }
}

TEST(ProbingTxt, DescriptionIsOneLine) {
  EXPECT_EQ(*parse_description(" what \xc3\xa9 we do ", "-d"), "what \xc3\xa9 we do");
  for (const char* text : {"", "  ", "a\nContact: mailto:b@c", "a\rb", "\x7f"}) {
    EXPECT_FALSE(parse_description(text, "-d")) << text;
  }
}

}  // namespace
}  // namespace trawl::control
