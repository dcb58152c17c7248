#include "control/survey/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr double kMostCount = 281'474'976'710'656.0;  // 2^48: every address on every port.

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<Quantity> split_quantity(std::string_view text) noexcept {
  std::size_t end = 0;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) ++end;
  Quantity quantity{.value = 0.0, .suffix = text.substr(end)};
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + end, quantity.value, std::chars_format::fixed);
  if (error != std::errc{} || stop != text.data() + end || !std::isfinite(quantity.value)) {
    return std::nullopt;
  }
  return quantity;
}

double take_multiplier(std::string_view& suffix) noexcept {
  constexpr std::array<std::pair<char, double>, 6> kMultipliers{
      {{'k', 1e3}, {'K', 1e3}, {'m', 1e6}, {'M', 1e6}, {'g', 1e9}, {'G', 1e9}}};
  for (const auto& [letter, factor] : kMultipliers) {
    if (!suffix.empty() && suffix[0] == letter) {
      suffix.remove_prefix(1);
      return factor;
    }
  }
  return 1.0;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text, std::string_view option) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
      {{"", 1.0}, {"ms", 1e-3}, {"s", 1.0}, {"m", 60.0}, {"h", 3600.0}, {"d", 86400.0}}};
  constexpr double kMostSeconds = 3650.0 * 86400.0;
  const auto quantity = split_quantity(text);
  for (const auto& [unit, seconds_per_unit] : kUnits) {
    if (!quantity || quantity->suffix != unit) continue;
    const double seconds = quantity->value * seconds_per_unit;
    if (seconds > kMostSeconds) {
      return fail(ExitCode::Usage, fmt::format("{}: {} is over ten years", option, quote(text)));
    }
    return std::chrono::nanoseconds{std::llround(seconds * 1e9)};
  }
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not a duration; expected a number with ms, s, m, h or d "
                          "(seconds when it has none), such as 8, 500ms or 2m",
                          option, quote(text)));
}

Result<TargetLimit> TargetLimit::parse(std::string_view text, std::string_view option) {
  const auto expected = [&](std::string_view why) {
    return fail(ExitCode::Usage,
                fmt::format("{}: {} {}; expected a number of targets such as 1000, 10k or 1M, or a "
                            "share such as 5%",
                            option, quote(text), why));
  };
  auto quantity = split_quantity(text);
  if (!quantity) return expected("is not a number");
  if (quantity->value == 0.0) return expected("is no target at all");
  if (quantity->suffix == "%") {
    if (quantity->value > 100.0) return expected("is more than everything");
    return share(quantity->value);
  }
  const double targets = quantity->value * take_multiplier(quantity->suffix);
  if (!quantity->suffix.empty()) return expected("is not a number");
  // 1.1M is a whole number, but not in binary fractions: allow for one rounding.
  const double whole = std::round(targets);
  if (whole < 1.0 || std::abs(targets - whole) > 1e-12 * whole) {
    return expected("is not a whole number");
  }
  if (whole > kMostCount) return expected("is more than every port of every address");
  return count(static_cast<std::uint64_t>(whole));
}

std::uint64_t TargetLimit::of(std::uint64_t total) const noexcept {
  if (const auto* targets = std::get_if<std::uint64_t>(&limit_)) return std::min(*targets, total);
  const double share = std::get<double>(limit_) / 100.0;
  // The rounding error of the product must not push an exact share one target up.
  const double exact = share * static_cast<double>(total);
  const double wanted = std::ceil(exact - 1e-9 * std::max(1.0, exact * 1e-6));
  return std::min(total, static_cast<std::uint64_t>(std::max(wanted, total == 0 ? 0.0 : 1.0)));
}

}  // namespace trawl::control
