#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"
#include "base/units.h"

// Readers of the values that options take. Each fails with Usage and a sentence that shows the
// value and says what would do; who calls them adds the name of the option.
namespace trawl::simnet {

[[nodiscard]] inline Failure bad(std::string message) {
  return fail(ExitCode::Usage, std::move(message));
}
// `text` as an error message may show it: short, and without what a terminal would act on.
[[nodiscard]] std::string shown(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);

// All of `text` as a number, or nullopt.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// 0 to 1, or 0% to 100%.
[[nodiscard]] Result<double> parse_share(std::string_view text);
// "50", "200k", "1.5M": packets a second, above 0.
[[nodiscard]] Result<PacketsPerSecond> parse_rate(std::string_view text);
// "5s", "200ms", "50us", "2m"; 0 to one day.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_time(std::string_view text);
// A whole number from `least` to `most`.
[[nodiscard]] Result<std::uint64_t> parse_whole(std::string_view text, std::uint64_t least,
                                                std::uint64_t most);
[[nodiscard]] Result<Ipv4Address> parse_address(std::string_view text);
[[nodiscard]] Result<Ipv4Prefix> parse_prefix(std::string_view text);

// A rate of packets or of bits: "200k" or "100Mbit".
struct Capacity {
  double per_second = 0;
  bool counts_bits = false;
};
[[nodiscard]] Result<Capacity> parse_capacity(std::string_view text);

struct PortRange {
  std::uint16_t first;
  std::uint16_t last;
};
[[nodiscard]] Result<PortRange> parse_port_range(std::string_view text);

// Calls `use` with each piece of a comma list; stops at the first error.
template <typename Use>
[[nodiscard]] Result<void> each_piece(std::string_view text, Use use) {
  while (true) {
    const std::size_t comma = text.find(',');
    if (Result<void> used = use(trim(text.substr(0, comma))); !used) return used;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

// "key=value" apart, or nullopt without '='.
struct Pair {
  std::string_view key;
  std::string_view value;
};
[[nodiscard]] std::optional<Pair> split_pair(std::string_view text, char between = '=');

// Puts what was read into `into`.
template <typename Value>
[[nodiscard]] Result<void> store(Result<Value> parsed, Value& into) {
  if (!parsed) return tl::unexpected{parsed.error()};
  into = *parsed;
  return {};
}

}  // namespace trawl::simnet
