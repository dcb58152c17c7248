#include "control/steward/contact.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

TEST(Contact, BecomesAUri) {
  const auto uri = [](const char* text) {
    const auto contact = parse_contact(text, "--contact");
    return contact ? *contact : contact.error().message;
  };
  EXPECT_EQ(uri("scans@example.net"), "mailto:scans@example.net");
  EXPECT_EQ(uri("MAILTO:scans+a@example.net"), "mailto:scans+a@example.net");
  EXPECT_EQ(uri("https://example.net/scans?a=b#c"), "https://example.net/scans?a=b#c");
  EXPECT_EQ(uri("tel:+1-201-555-0123"), "tel:+1-201-555-0123");
}

TEST(Contact, RefusesWhatReachesNobody) {
  for (const std::string text :
       {"", "nobody", "@example.net", "scans@", "a@b@c", "scans @example.net", "scans@a\nb",
        "http://example.net", "https://", "https:///path", "mailto:", "mailto:x", "tel:", "tel:ab",
        "tel:+1", "javascript:alert(1)@x", "sc\xc3\xa4n@example.net", "a@example.net,b@example.net",
        "<scans@example.net>"}) {
    const auto contact = parse_contact(text, "--contact");
    ASSERT_FALSE(contact) << text << " became " << *contact;
    EXPECT_EQ(contact.error().code, ExitCode::Usage);
    EXPECT_TRUE(contact.error().message.starts_with("--contact: \"")) << contact.error().message;
  }
  EXPECT_FALSE(parse_contact(std::string(2000, 'a') + "@example.net", "--contact"));
}

}  // namespace
}  // namespace trawl::control
