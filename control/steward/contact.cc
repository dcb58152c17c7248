#include "control/steward/contact.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLongest = 1024;

bool is_uri_text(std::string_view text) {
  constexpr std::string_view kNever = "<>\"{}|\\^`";  // RFC 3986 leaves these out.
  if (text.find_first_of(kNever) != std::string_view::npos) return false;
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// "name@host" with something on both sides and one @.
bool is_mail_address(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
  constexpr std::string_view kNever = "@:/?#,;()";
  return text.find_first_of(kNever, at + 1) == std::string_view::npos &&
         text.substr(0, at).find_first_of(":/?#,;()") == std::string_view::npos;
}

bool is_telephone(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == '(' || c == ')';
  };
  return std::ranges::all_of(text, fits) &&
         std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }) >= 3;
}

// The text behind `scheme`, which is matched in either case; "" when it is another.
std::string_view behind(std::string_view text, std::string_view scheme) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  if (text.size() <= scheme.size()) return {};
  if (!std::ranges::equal(text.substr(0, scheme.size()), scheme, same)) return {};
  return text.substr(scheme.size());
}

bool is_host_and_path(std::string_view text) {
  return !text.empty() && text.front() != '/' && text.front() != '?' && text.front() != '#';
}

}  // namespace

Result<std::string> parse_contact(std::string_view text, std::string_view option) {
  if (text.size() <= kLongest && is_uri_text(text)) {
    if (is_mail_address(text)) return fmt::format("mailto:{}", text);
    const std::string_view mail = behind(text, "mailto:");
    if (is_mail_address(mail)) return fmt::format("mailto:{}", mail);
    const std::string_view page = behind(text, "https://");
    if (is_host_and_path(page)) return fmt::format("https://{}", page);
    const std::string_view telephone = behind(text, "tel:");
    if (is_telephone(telephone)) return fmt::format("tel:{}", telephone);
  }
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is no way to reach anyone; expected an e-mail address, an "
                          "https:// page or a tel: number",
                          option, quote(text)));
}

}  // namespace trawl::control
