#include "control/survey/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr unsigned kHighestCpu = 4095;
constexpr std::size_t kMostPollingThreads = 64;

// A number in `base` that is the whole text.
template <typename Number>
std::optional<Number> parse_whole(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Uint128> parse_hex_128(std::string_view digits) {
  constexpr std::size_t kMostDigits = 32;
  constexpr std::size_t kHalf = 16;
  if (digits.empty() || digits.size() > kMostDigits) return std::nullopt;
  const std::size_t high_digits = digits.size() > kHalf ? digits.size() - kHalf : 0;
  std::optional<std::uint64_t> high = 0;
  if (high_digits > 0) high = parse_whole<std::uint64_t>(digits.substr(0, high_digits), 16);
  const auto low = parse_whole<std::uint64_t>(digits.substr(high_digits), 16);
  if (!high || !low) return std::nullopt;
  return Uint128{*high} << 64U | *low;
}

}  // namespace

Result<Uint128> parse_seed(std::string_view text, std::string_view option) {
  std::optional<Uint128> seed;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    seed = parse_hex_128(text.substr(2));
  } else if (const auto number = parse_whole<std::uint64_t>(text)) {
    seed = *number;
  }
  if (seed) return *seed;
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not a seed; expected a number below 2^64, or 0x and up to 32 "
                          "hex digits",
                          option, quote(text)));
}

std::string format_seed(Uint128 seed) {
  return fmt::format("0x{:016x}{:016x}", static_cast<std::uint64_t>(seed >> 64U),
                     static_cast<std::uint64_t>(seed));
}

Result<std::vector<unsigned>> parse_cpu_list(std::string_view text, std::string_view option) {
  const auto bad = [&](std::string_view item, std::string_view why) {
    return fail(ExitCode::Usage,
                fmt::format("{}: {} {}; expected CPU numbers such as 0, 0,1 or 2-5", option,
                            quote(item), why));
  };
  std::vector<unsigned> cpus;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const std::size_t dash = item.find('-');
    const auto first = parse_whole<unsigned>(item.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_whole<unsigned>(item.substr(dash + 1));
    if (!first || !last) return bad(item, "is not a CPU number or range");
    if (*first > *last) return bad(item, "is a reversed range");
    if (*last > kHighestCpu) return bad(item, "is beyond any CPU");
    for (unsigned cpu = *first; cpu <= *last; ++cpu) {
      if (cpus.size() == kMostPollingThreads) return bad(item, "is one polling thread too many");
      cpus.push_back(cpu);
    }
    if (comma == std::string_view::npos) return cpus;
    text.remove_prefix(comma + 1);
  }
}

Result<Ipv4Address> parse_address(std::string_view text, std::string_view option) {
  if (const auto address = Ipv4Address::parse(text)) return *address;
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not an IPv4 address; expected one such as 198.18.0.1", option,
                          quote(text)));
}

Result<MacAddress> parse_mac(std::string_view text, std::string_view option) {
  if (const auto mac = MacAddress::parse(text)) return *mac;
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not a MAC address; expected one such as 02:00:00:00:00:01",
                          option, quote(text)));
}

}  // namespace trawl::control
