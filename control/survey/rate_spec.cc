#include "control/survey/rate_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/survey/quantity.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

enum class Unit { Packets, Bits, Unknown };

Unit unit_of(std::string_view suffix) {
  constexpr std::array<std::string_view, 3> kPackets{"", "pps", "p/s"};
  // "Bps" and "B/s" are bytes and stay unknown.
  constexpr std::array<std::string_view, 5> kBits{"bps", "b/s", "bit", "bits", "bit/s"};
  if (std::ranges::find(kPackets, suffix) != kPackets.end()) return Unit::Packets;
  if (std::ranges::find(kBits, suffix) != kBits.end()) return Unit::Bits;
  return Unit::Unknown;
}

}  // namespace

Result<RateSpec> RateSpec::parse(std::string_view text, std::string_view option) {
  constexpr double kLowestPackets = 0.001;
  constexpr double kLowestBits = 1.0;
  constexpr double kHighestPackets = 1e12;
  constexpr double kHighestBits = 1e15;
  const auto expected = [&](std::string_view why) {
    return fail(ExitCode::Usage,
                fmt::format("{}: {} {}; expected packets per second such as 1000, 50k, 1.2M or "
                            "10Mpps, bits per second such as 100Mbps or 1Gbit, max or auto",
                            option, quote(text), why));
  };
  if (text == "auto") return automatic();
  if (text == "max") return RateSpec{PacketsPerSecond::unlimited()};
  if (text.starts_with('-') && split_quantity(text.substr(1))) return expected("is negative");
  auto quantity = split_quantity(text);
  if (!quantity) return expected("is not a rate");
  const double rate = quantity->value * take_multiplier(quantity->suffix);
  const Unit unit = unit_of(quantity->suffix);
  if (unit == Unit::Unknown) return expected("is not a rate");
  if (rate == 0.0) return expected("would never send");
  if (rate < (unit == Unit::Packets ? kLowestPackets : kLowestBits)) return expected("is too low");
  if (rate > (unit == Unit::Packets ? kHighestPackets : kHighestBits)) {
    return expected("is too high");
  }
  return unit == Unit::Packets ? RateSpec{PacketsPerSecond{rate}} : RateSpec{BitsPerSecond{rate}};
}

Result<RateSpec> RateSpec::parse_plain(std::string_view text, std::string_view option) {
  auto rate = parse(text, option);
  if (!rate || (!rate->is_automatic() && !rate->is_unlimited())) return rate;
  return fail(ExitCode::Usage, fmt::format("{}: {} is no limit; expected packets per second such "
                                           "as 10 or 1k, or bits per second such as 100kbps",
                                           option, quote(text)));
}

RateSpec RateSpec::automatic() noexcept {
  RateSpec spec{kAutoStart};
  spec.automatic_ = true;
  return spec;
}

bool RateSpec::is_unlimited() const noexcept {
  const auto* packets = std::get_if<PacketsPerSecond>(&rate_);
  return packets != nullptr && packets->is_unlimited();
}

PacketsPerSecond RateSpec::for_frame(ByteCount frame) const noexcept {
  if (const auto* bits = std::get_if<BitsPerSecond>(&rate_)) return bits->as_packets(frame);
  return std::get<PacketsPerSecond>(rate_);
}

}  // namespace trawl::control
