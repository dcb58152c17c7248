#include "control/audit/engine/timing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace trawl::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

bool equal_without_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

}  // namespace

Timing timing_template(int level) noexcept {
  Timing timing;
  timing.level = level;
  const auto slow = [&timing](Moment delay, Moment initial, Moment most) {
    timing.scan_delay = timing.max_tcp_delay = timing.max_udp_delay = delay;
    timing.initial_rtt = initial;
    timing.max_rtt = most;
    timing.max_parallelism = 1;
  };
  switch (level) {
    case 0: slow(minutes{5}, minutes{5}, minutes{5}); break;
    case 1: slow(seconds{15}, seconds{15}, seconds{15}); break;
    case 2:
      slow(milliseconds{400}, seconds{1}, seconds{10});
      timing.max_tcp_delay = timing.max_udp_delay = seconds{1};
      break;
    case 4:
      timing.max_rtt = milliseconds{1250};
      timing.initial_rtt = milliseconds{500};
      timing.max_retries = 6;
      timing.max_tcp_delay = milliseconds{10};
      break;
    case 5:
      timing.min_rtt = milliseconds{50};
      timing.max_rtt = milliseconds{300};
      timing.initial_rtt = milliseconds{250};
      timing.max_retries = 2;
      timing.max_tcp_delay = milliseconds{5};
      timing.host_timeout = minutes{15};
      break;
    default: break;
  }
  return timing;
}

std::optional<int> parse_timing_level(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 6> kNames{"paranoid", "sneaky",     "polite",
                                                   "normal",   "aggressive", "insane"};
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '5') return text[0] - '0';
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (equal_without_case(text, kNames[i])) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::optional<Moment> parse_nmap_time(std::string_view text) noexcept {
  constexpr double kMostSeconds = 1e9;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::general);
  if (error != std::errc{} || !std::isfinite(value) || value < 0) return std::nullopt;
  const std::string_view unit{stop, static_cast<std::size_t>(end - stop)};
  double scale = 0;
  if (unit.empty() || equal_without_case(unit, "s")) scale = 1;
  if (equal_without_case(unit, "ms")) scale = 1e-3;
  if (equal_without_case(unit, "m")) scale = 60;
  if (equal_without_case(unit, "h")) scale = 3600;
  if (scale == 0 || value * scale > kMostSeconds) return std::nullopt;
  return Moment{static_cast<std::int64_t>(value * scale * 1e6)};
}

}  // namespace trawl::control
