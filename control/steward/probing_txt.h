#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::control {

// A probe description file (RFC 9511 section 2.2, in the format of RFC 9116): who sends the probes
// that somebody saw, and why.
struct ProbingTxt {
  std::string canonical;              // Where it is served; "" when not said.
  std::vector<std::string> contacts;  // URIs, the preferred first; at least one.
  std::chrono::sys_seconds expires;
  std::vector<std::string> languages;  // Tags such as "en"; may be empty.
  std::string description;             // One line.

  [[nodiscard]] std::string to_text() const;
  // The probe description URI (section 2.1) to put inside probes that have room for one: where the
  // file is, else a mailto: or tel: contact. "" when there is neither.
  [[nodiscard]] std::string uri() const;
};

inline constexpr std::string_view kProbingTxtPath = "/.well-known/probing.txt";

// Each fails with Usage, naming `option`.

// "https://scan.example.net", with kProbingTxtPath behind it or not: RFC 9511 allows no other path.
[[nodiscard]] Result<std::string> parse_probing_url(std::string_view text, std::string_view option);

// "en, es, fr": language tags (RFC 5646) as far as their form goes.
[[nodiscard]] Result<std::vector<std::string>> parse_languages(std::string_view text,
                                                               std::string_view option);

// A time from `now` such as "90d", a day such as "2027-03-31" or a moment such as
// "2027-03-31T12:00:00Z"; never in the past.
[[nodiscard]] Result<std::chrono::sys_seconds> parse_expiry(std::string_view text,
                                                            std::string_view option,
                                                            std::chrono::sys_seconds now);

// One line of text, not empty.
[[nodiscard]] Result<std::string> parse_description(std::string_view text, std::string_view option);

}  // namespace trawl::control
