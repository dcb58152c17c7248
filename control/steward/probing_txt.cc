#include "control/steward/probing_txt.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>

#include "control/survey/quantity.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

using std::chrono::sys_seconds;

Failure usage(std::string_view option, std::string_view text, std::string_view why) {
  return fail(ExitCode::Usage, fmt::format("{}: {} {}", option, quote(text), why));
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The number that `text` has in place of the "d" of `pattern`, one run of them for each of `into`;
// everything else must be equal.
template <std::size_t Count>
bool match_digits(std::string_view text, std::string_view pattern, std::array<int, Count>& into) {
  if (text.size() != pattern.size()) return false;
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (pattern[i] != 'd') {
      if (text[i] != pattern[i]) return false;
      continue;
    }
    if (!is_digit(text[i])) return false;
    into[at] = into[at] * 10 + (text[i] - '0');
    if (i + 1 == pattern.size() || pattern[i + 1] != 'd') ++at;
  }
  return true;
}

// "2027-03-31", with "T12:00:00Z" behind it or not.
std::optional<sys_seconds> parse_moment(std::string_view text) {
  std::array<int, 6> parts{};
  if (!match_digits(text, "dddd-dd-dd", parts)) {
    parts = {};
    if (!match_digits(text, "dddd-dd-ddTdd:dd:ddZ", parts)) return std::nullopt;
  }
  const auto [year, month, day, hour, minute, second] = parts;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second};
}

// Subtags of one to eight letters and digits; the first one is letters, two at least.
bool is_language_tag(std::string_view tag) {
  bool first = true;
  for (;;) {
    const std::size_t dash = tag.find('-');
    const std::string_view part = tag.substr(0, dash);
    if (part.empty() || part.size() > 8) return false;
    if (!std::ranges::all_of(part, [](char c) { return is_letter(c) || is_digit(c); }))
      return false;
    if (first && (part.size() < 2 || !std::ranges::all_of(part, is_letter))) return false;
    if (dash == std::string_view::npos) return true;
    tag.remove_prefix(dash + 1);
    first = false;
  }
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string ProbingTxt::to_text() const {
  std::string text = "# Who probes from here, and why (RFC 9511).\n";
  if (!canonical.empty()) text += fmt::format("Canonical: {}\n", canonical);
  for (const std::string& contact : contacts) text += fmt::format("Contact: {}\n", contact);
  text += fmt::format("Expires: {:%Y-%m-%dT%H:%M:%S}Z\n",
                      fmt::gmtime(static_cast<std::time_t>(expires.time_since_epoch().count())));
  if (!languages.empty()) {
    text += "Preferred-Languages: ";
    for (std::size_t i = 0; i < languages.size(); ++i) {
      text += fmt::format("{}{}", i == 0 ? "" : ", ", languages[i]);
    }
    text += '\n';
  }
  text += fmt::format("Description: {}\n", description);
  return text;
}

std::string ProbingTxt::uri() const {
  if (!canonical.empty()) return canonical;
  for (const std::string& contact : contacts) {
    if (!contact.starts_with("https:")) return contact;
  }
  return {};
}

Result<std::string> parse_probing_url(std::string_view text, std::string_view option) {
  constexpr std::string_view kScheme = "https://";
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  };
  if (!text.starts_with(kScheme)) {
    return usage(option, text, "is no https:// address; RFC 9116 allows no other");
  }
  const std::string_view rest = text.substr(kScheme.size());
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  const std::string_view path = rest.substr(host.size());
  if (host.empty() || !std::ranges::all_of(host, fits)) {
    return usage(option, text, "names no host; expected one such as https://scan.example.net");
  }
  if (!path.empty() && path != "/" && path != kProbingTxtPath) {
    return usage(option, text,
                 fmt::format("has another path than {}, the one of RFC 9511; give the host alone",
                             kProbingTxtPath));
  }
  return fmt::format("{}{}{}", kScheme, host, kProbingTxtPath);
}

Result<std::vector<std::string>> parse_languages(std::string_view text, std::string_view option) {
  std::vector<std::string> tags;
  std::string_view rest = text;
  for (;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view tag = trimmed(rest.substr(0, comma));
    if (!is_language_tag(tag)) {
      return usage(option, text, "is no list of languages; expected tags such as \"en, pt-BR\"");
    }
    tags.emplace_back(tag);
    if (comma == std::string_view::npos) return tags;
    rest.remove_prefix(comma + 1);
  }
}

Result<sys_seconds> parse_expiry(std::string_view text, std::string_view option, sys_seconds now) {
  std::optional<sys_seconds> moment = parse_moment(text);
  if (!moment) {
    const auto from_now = parse_duration(text, option);
    if (!from_now || text.empty() || is_digit(text.back())) {
      return usage(option, text,
                   "is no time; expected one from now such as 90d, a day such as 2027-03-31 or a "
                   "moment such as 2027-03-31T12:00:00Z");
    }
    moment = now + std::chrono::duration_cast<std::chrono::seconds>(*from_now);
  }
  if (*moment <= now) {
    return usage(option, text, "is over; a description that has expired is not to be believed");
  }
  return *moment;
}

Result<std::string> parse_description(std::string_view text, std::string_view option) {
  text = trimmed(text);
  if (text.empty()) return usage(option, text, "describes nothing; say what the probes are for");
  const bool one_line = std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (!one_line) return usage(option, text, "is not one line of text");
  return std::string{text};
}

}  // namespace trawl::control
