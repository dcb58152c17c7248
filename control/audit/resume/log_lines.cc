#include "control/audit/resume/log_lines.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace trawl::control {
namespace {

constexpr std::string_view kOfNmapsResume = "--append-output";

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// -1 for what is no digit.
int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// What stands behind a backslash, which is taken off `text`.
char take_escaped(std::string_view& text) {
  if (text.empty()) return '\\';
  const char first = text.front();
  if (first == 'x' && text.size() > 2) {
    const int high = hex_value(text[1]);
    const int low = hex_value(text[2]);
    if (high >= 0 && low >= 0) {
      text.remove_prefix(3);
      return static_cast<char>(high * 16 + low);
    }
  }
  text.remove_prefix(1);
  return first;
}

}  // namespace

bool LogLines::continues(const std::vector<std::string>& words) const {
  return has_begun_ && !run_.has_ended && words.size() == run_.words.size() + 1 &&
         words.front() == kOfNmapsResume &&
         std::equal(run_.words.begin(), run_.words.end(), words.begin() + 1);
}

void LogLines::begin_run(std::vector<std::string> words) {
  has_begun_ = true;
  LogRun fresh;
  fresh.format = run_.format;
  fresh.is_format_known = run_.is_format_known;
  fresh.words = std::move(words);
  run_ = std::move(fresh);
}

bool LogLines::add_host(std::string_view address, bool is_up) {
  const auto ip = parse_log_address(address);
  if (!ip) return false;
  SeenHost& host = run_.hosts[*ip];
  ++host.count;
  host.up += is_up ? 1U : 0U;
  return true;
}

std::optional<IpAddress> parse_log_address(std::string_view text) {
  return IpAddress::parse(text.substr(0, text.find('%')));
}

std::vector<std::string> split_command_text(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    if (text.empty()) return words;
    std::string word;
    bool is_quoted = false;
    while (!text.empty() && (is_quoted || !is_space(text.front()))) {
      const char c = text.front();
      text.remove_prefix(1);
      if (c == '"') {
        is_quoted = !is_quoted;
      } else {
        word += c == '\\' ? take_escaped(text) : c;
      }
    }
    words.push_back(std::move(word));
  }
}

std::optional<std::chrono::system_clock::time_point> time_of(std::int64_t seconds) noexcept {
  constexpr std::int64_t kLast = 9'000'000'000;
  if (seconds < 0 || seconds > kLast) return std::nullopt;
  return std::chrono::system_clock::time_point{std::chrono::seconds{seconds}};
}

std::optional<std::chrono::system_clock::time_point> parse_calendar_time(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  if (text.size() > kLongest) return std::nullopt;
  std::tm broken{};
  const std::string whole{text};
  const char* const end = ::strptime(whole.c_str(), "%a %b %e %H:%M:%S %Y", &broken);
  if (end == nullptr || *end != '\0') return std::nullopt;
  broken.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&broken);
  if (seconds == static_cast<std::time_t>(-1)) return std::nullopt;
  return time_of(seconds);
}

}  // namespace trawl::control
