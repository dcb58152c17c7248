#include "control/survey/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/interval_set.h"
#include "control/survey/quantity.h"
#include "control/survey/target_spec.h"
#include "control/survey/text.h"
#include "dataplane/source_addresses.h"

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

std::string_view to_string(RetryMode mode) noexcept {
  switch (mode) {
    case RetryMode::None: return "none";
    case RetryMode::Responsive: return "responsive";
    case RetryMode::All: return "all";
  }
  return "none";
}

Result<RetryMode> parse_retry_mode(std::string_view text, std::string_view option) {
  for (const RetryMode mode : {RetryMode::None, RetryMode::Responsive, RetryMode::All}) {
    if (text == to_string(mode)) return mode;
  }
  constexpr std::array<std::string_view, 3> kModes{"none", "responsive", "all"};
  return fail(ExitCode::Usage, fmt::format("{}: {} is unknown{}; expected none, responsive or all",
                                           option, quote(text), did_you_mean(text, kModes)));
}

Result<Shard> parse_shard(std::string_view text, std::string_view option) {
  const std::size_t slash = text.find('/');
  const auto number = parse_whole<std::uint32_t>(text.substr(0, slash));
  const auto count = slash == std::string_view::npos
                         ? std::nullopt
                         : parse_whole<std::uint32_t>(text.substr(slash + 1));
  if (number && count && *number >= 1 && *number <= *count) return Shard{*number, *count};
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is no part of a whole; expected one such as 2/8, from 1/8 to 8/8",
                          option, quote(text)));
}

Result<unsigned> parse_probe_count(std::string_view text, std::string_view option) {
  constexpr unsigned kMost = 5;  // Of attempts 1...7, one is the retry's and one the sentinels'.
  const auto count = parse_whole<unsigned>(text);
  if (count && *count >= 1 && *count <= kMost) return *count;
  return fail(ExitCode::Usage, fmt::format("{}: {} is no number of probes; expected 1 to {}",
                                           option, quote(text), kMost));
}

Result<ByteCount> parse_byte_count(std::string_view text, std::string_view option) {
  constexpr double kLeast = 1U << 20U;
  constexpr double kMost = 1e15;
  auto quantity = split_quantity(text);
  double bytes = 0.0;
  if (quantity) {
    std::string_view suffix = quantity->suffix;
    const double thousands = take_multiplier(suffix);
    const double unit = thousands >= 1e9   ? 1024.0 * 1024.0 * 1024.0
                        : thousands >= 1e6 ? 1024.0 * 1024.0
                        : thousands >= 1e3 ? 1024.0
                                           : 1.0;
    if (suffix.empty() || suffix == "B" || suffix == "iB") bytes = quantity->value * unit;
  }
  if (bytes >= kLeast && bytes <= kMost) return ByteCount{static_cast<std::uint64_t>(bytes)};
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is no amount of memory; expected one such as 512M or 2G, at "
                          "least 1M",
                          option, quote(text)));
}

Result<std::vector<IpAddress>> parse_source_addresses(std::string_view text,
                                                      std::string_view option) {
  constexpr std::size_t kMost = dataplane::SourceAddresses::kMost;
  Ipv4Set v4;
  Ipv6Set v6;
  if (auto parsed = parse_targets(text, option, v4, v6); !parsed) {
    return fail(ExitCode::Usage, parsed.error().message);
  }
  if (!v4.empty() && !v6.empty()) {
    return fail(ExitCode::Usage, fmt::format("{}: {} are IPv4 and IPv6 addresses; a survey probes "
                                             "one family, so give addresses of that one",
                                             option, quote(text)));
  }
  if (v4.size() > kMost || v6.size() > kMost) {
    const std::string count = v6.empty() ? fmt::format("{}", v4.size()) : std::string{"too many"};
    return fail(ExitCode::Usage, fmt::format("{}: {} are {} addresses; expected at most {}", option,
                                             quote(text), count, kMost));
  }
  std::vector<IpAddress> addresses;
  for (const auto& range : v4.intervals()) {
    for (std::uint64_t ip = range.first.value(); ip <= range.last.value(); ++ip) {
      addresses.emplace_back(Ipv4Address{static_cast<std::uint32_t>(ip)});
    }
  }
  for (const auto& range : v6.intervals()) {
    const auto count = static_cast<std::uint64_t>(range.last.value() - range.first.value()) + 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      addresses.emplace_back(Ipv6Address{range.first.value() + i});
    }
  }
  return addresses;
}

Result<IpAddress> parse_address(std::string_view text, std::string_view option) {
  if (const auto address = IpAddress::parse(text)) return *address;
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not an IP address; expected one such as 198.18.0.1", option,
                          quote(text)));
}

Result<dataplane::ProbeKind> parse_probe_kind(std::string_view text, std::string_view option) {
  const auto& names = dataplane::kProbeNames;
  const auto* name = std::ranges::find(names, text);
  if (name != names.end()) return static_cast<dataplane::ProbeKind>(name - names.begin() + 1);
  std::string known;
  for (const std::string_view each : names) {
    known += known.empty() ? "" : ", ";
    known += each;
  }
  return fail(ExitCode::Usage, fmt::format("{}: {} is not a kind of probe{}; expected {}", option,
                                           quote(text), did_you_mean(text, names), known));
}

Result<dataplane::VlanId> parse_vlan(std::string_view text, std::string_view option) {
  using dataplane::VlanId;
  const auto id = parse_whole<std::uint16_t>(text);
  if (id && *id >= VlanId::kLowest && *id <= VlanId::kHighest) return VlanId{*id};
  return fail(ExitCode::Usage, fmt::format("{}: {} is not a VLAN; expected a number from {} to {}",
                                           option, quote(text), VlanId::kLowest, VlanId::kHighest));
}

Result<dataplane::SynOptions> parse_syn_options(std::string_view text, std::string_view option) {
  const auto& names = dataplane::kSynOptionNames;
  const auto* name = std::ranges::find(names, text);
  if (name != names.end()) return static_cast<dataplane::SynOptions>(name - names.begin());
  return fail(ExitCode::Usage, fmt::format("{}: {} is no set of TCP options; expected {} or {}",
                                           option, quote(text), names[0], names[1]));
}

Result<std::uint8_t> parse_ttl(std::string_view text, std::string_view option) {
  const auto hops = parse_whole<std::uint8_t>(text);
  if (hops && *hops > 0) return *hops;
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not a number of hops; expected one from 1 to 255", option,
                          quote(text)));
}

Result<std::string> parse_interface_name(std::string_view text, std::string_view option) {
  constexpr std::size_t kMost = 15;
  const bool fits = !text.empty() && text.size() <= kMost && text != "." && text != "..";
  const bool legible = std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '/' && c != ':' && c != '%';
  });
  if (fits && legible) return std::string{text};
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is no interface name; expected 1 to {} characters such as trawl0",
                          option, quote(text), kMost));
}

Result<MacAddress> parse_mac(std::string_view text, std::string_view option) {
  if (const auto mac = MacAddress::parse(text)) return *mac;
  return fail(ExitCode::Usage,
              fmt::format("{}: {} is not a MAC address; expected one such as 02:00:00:00:00:01",
                          option, quote(text)));
}

}  // namespace trawl::control
