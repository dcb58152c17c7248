#include "bench/simnet/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace trawl::simnet {
namespace {

// Digits with at most one '.', then a suffix. No sign, no exponent, no "inf" and no "nan".
struct Quantity {
  double value;
  std::string_view suffix;
};

std::optional<Quantity> split_quantity(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto value = parse_number<double>(text.substr(0, end));
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return Quantity{*value, text.substr(end)};
}

// Takes k, M or G off the front of `suffix`.
double take_multiplier(std::string_view& suffix) {
  constexpr double kFactors[] = {1e3, 1e3, 1e6, 1e6, 1e9, 1e9};
  constexpr std::string_view kLetters = "kKmMgG";
  const std::size_t at = suffix.empty() ? std::string_view::npos : kLetters.find(suffix.front());
  if (at == std::string_view::npos) return 1;
  suffix.remove_prefix(1);
  return kFactors[at];
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string out{text.substr(0, kMost)};
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > kMost ? out + "..." : out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<Pair> split_pair(std::string_view text, char between) {
  const std::size_t at = text.find(between);
  if (at == std::string_view::npos) return std::nullopt;
  return Pair{trim(text.substr(0, at)), trim(text.substr(at + 1))};
}

Result<double> parse_share(std::string_view text) {
  const bool percent = text.ends_with('%');
  auto value = parse_number<double>(percent ? text.substr(0, text.size() - 1) : text);
  if (value && percent) *value /= 100;
  if (!value || !(*value >= 0) || !(*value <= 1)) {
    return bad(
        fmt::format("'{}' is not a share; write one from 0 to 1, or 0% to 100%", shown(text)));
  }
  return *value;
}

Result<PacketsPerSecond> parse_rate(std::string_view text) {
  auto quantity = split_quantity(text);
  if (quantity) quantity->value *= take_multiplier(quantity->suffix);
  if (!quantity || !quantity->suffix.empty() || !(quantity->value > 0)) {
    return bad(fmt::format(
        "'{}' is not a number of packets per second above 0, like 50, 200k or 1.5M", shown(text)));
  }
  return PacketsPerSecond{quantity->value};
}

Result<Capacity> parse_capacity(std::string_view text) {
  auto quantity = split_quantity(text);
  if (quantity) quantity->value *= take_multiplier(quantity->suffix);
  const bool counts_bits = quantity && quantity->suffix == "bit";
  if (!quantity || (!quantity->suffix.empty() && !counts_bits) || !(quantity->value >= 1)) {
    return bad(fmt::format(
        "'{}' is not a rate of 1 or more in packets or bits per second, like 200k or 100Mbit",
        shown(text)));
  }
  return Capacity{quantity->value, counts_bits};
}

Result<std::chrono::nanoseconds> parse_time(std::string_view text) {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  constexpr Unit kUnits[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}};
  constexpr double kDay = 86'400e9;
  const auto quantity = split_quantity(text);
  if (quantity) {
    for (const Unit& unit : kUnits) {
      const double time = quantity->value * unit.nanoseconds;
      if (quantity->suffix != unit.name || time > kDay) continue;
      return std::chrono::nanoseconds{std::llround(time)};
    }
  }
  return bad(
      fmt::format("'{}' is not a time up to a day, like 50us, 200ms, 5s or 2m", shown(text)));
}

Result<std::uint64_t> parse_whole(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto value = parse_number<std::uint64_t>(text);
  if (!value || *value < least || *value > most) {
    return bad(fmt::format("'{}' is not a whole number from {} to {}", shown(text), least, most));
  }
  return *value;
}

Result<Ipv4Address> parse_address(std::string_view text) {
  const auto address = Ipv4Address::parse(text);
  if (!address) return bad(fmt::format("'{}' is not an IPv4 address", shown(text)));
  return *address;
}

Result<Ipv4Prefix> parse_prefix(std::string_view text) {
  const auto prefix = Ipv4Prefix::parse(text);
  if (!prefix) {
    return bad(fmt::format("'{}' is not an IPv4 prefix like 198.18.0.0/15", shown(text)));
  }
  return *prefix;
}

Result<PortRange> parse_port_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number<std::uint16_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_number<std::uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first > *last) {
    return bad(
        fmt::format("'{}' is not a port or a rising range of ports up to 65535", shown(text)));
  }
  return PortRange{*first, *last};
}

}  // namespace trawl::simnet
