#include "bench/simnet/isn_style.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "bench/simnet/draw_value.h"
#include "osfp/active/sequence.h"

namespace trawl::simnet {
namespace {

using std::chrono::nanoseconds;
using Numbers = std::array<std::uint32_t, IsnStyle::kNumbers>;

constexpr double kSpacing = 0.1;  // Seconds between SEQ probes.
constexpr std::size_t kSteps = IsnStyle::kNumbers - 1;
constexpr std::uint32_t kUndividedGcd = 9;  // Rates are divided by what is above it.
constexpr unsigned kMostTries = 600;

// What the numbers are to be measured as.
struct Goal {
  std::uint32_t gcd = 1;
  double mean = 0;       // Steps of `gcd` a probe.
  double deviation = 0;  // Of those.
};

// As ISR and SP are defined; no numbers of 32 bits are measured as more than kMostIndex.
double octaves(std::uint64_t index) noexcept {
  constexpr std::uint64_t kMostIndex = 0x120;
  return std::exp2(static_cast<double>(std::min(index, kMostIndex)) / 8.0);
}

std::uint64_t draw_wish(const osfp::TestExpression& wish, Drawing& drawing) {
  const auto& alternatives = wish.alternatives();
  return draw_number(alternatives[drawing.below(alternatives.size())], drawing);
}

bool suits(const osfp::TestExpression* wish, std::uint32_t value) {
  return wish == nullptr || wish->matches(fmt::format("{:X}", value));
}

Goal draw_goal(const IsnWishes& wishes, Drawing& drawing) {
  constexpr std::uint64_t kRandomRate = 0x108;  // As of random numbers.
  constexpr std::uint64_t kRandomPredictability = 0x104;
  Goal goal;
  if (wishes.gcd != nullptr) {
    goal.gcd = static_cast<std::uint32_t>(draw_wish(*wishes.gcd, drawing));
  }
  const std::uint64_t rate =
      wishes.rate != nullptr ? draw_wish(*wishes.rate, drawing) : kRandomRate;
  const std::uint64_t predictability = wishes.predictability != nullptr
                                           ? draw_wish(*wishes.predictability, drawing)
                                           : kRandomPredictability;
  const double unit = std::max(goal.gcd, 1U);
  const double divided = unit > kUndividedGcd ? 1 : unit;
  goal.mean = rate == 0 ? 0 : octaves(rate) * kSpacing / unit;
  goal.deviation = predictability == 0 ? 0 : octaves(predictability) * kSpacing / divided;
  return goal;
}

// Five numbers with a mean of 0 and a deviation of 1: some even, some with one or two far out, as
// deviations beyond the mean need.
std::array<double, kSteps> draw_shape(Drawing& drawing) {
  constexpr std::array<std::array<double, kSteps>, 6> kShapes{{{1, -1, 0, 1, -1},
                                                               {-1, 1, -1, 0, 1},
                                                               {0, 1, 1, -1, -1},
                                                               {1, 0, 0, 0, 0},
                                                               {0, 0, 0, 1, 0},
                                                               {0, 1, 0, 0, 1}}};
  const std::uint64_t which = drawing.below(kShapes.size() + 2);
  std::array<double, kSteps> shape{};
  if (which < kShapes.size()) {
    shape = kShapes[which];
  } else {
    for (double& one : shape) one = -std::log1p(-drawing.unit());
  }
  double mean = 0;
  for (const double one : shape) mean += one / kSteps;
  double squares = 0;
  for (double& one : shape) {
    one -= mean;
    squares += one * one;
  }
  const double deviation = std::sqrt(squares / (kSteps - 1));
  if (deviation > 0) {
    for (double& one : shape) one /= deviation;
  }
  return shape;
}

// The mean growth is a clock's where a percent of it would drown the deviation asked for: then
// probes may be off their times.
bool needs_clock(const Goal& goal) noexcept {
  constexpr double kNoise = 0.01;
  constexpr double kLeastMean = 100;  // A clock of few steps would be uneven itself.
  return goal.mean > kLeastMean && goal.mean * kNoise > goal.deviation;
}

IsnStyle make_style(const Goal& goal, Drawing& drawing) {
  IsnStyle style;
  const bool by_clock = needs_clock(goal);
  style.unit = std::max(goal.gcd, 1U);
  if (by_clock) style.units_per_second = goal.mean / kSpacing;
  const auto shape = draw_shape(drawing);
  style.offsets[0] = static_cast<std::uint32_t>(drawing.next());
  double at = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < kSteps; ++i) {
    constexpr double kMostUnits = 4e9;  // As many as a number has values.
    double step = shape[i] * goal.deviation + (by_clock ? 0 : goal.mean);
    step = std::clamp(step, by_clock ? -kMostUnits : 0.0, kMostUnits);
    at = std::clamp(at + step, -kMostUnits, kMostUnits);
    const std::int64_t units = by_clock ? std::llround(at) : last + std::llround(step);
    last = std::clamp(units, static_cast<std::int64_t>(-kMostUnits),
                      static_cast<std::int64_t>(kMostUnits));
    style.offsets[i + 1] = style.offsets[0] + static_cast<std::uint32_t>(last) * style.unit;
  }
  if (!by_clock && goal.gcd > 0 && drawing.below(2) == 0) {
    // One more in the last step often leaves no greater divisor.
    style.offsets[kSteps] += style.unit;
  }
  return style;
}

// How much of what is asked for is measured when probes come at `times`: 5 for everything, of
// which the divisor counts 3, as it does in databases.
constexpr unsigned kEverything = 5;
unsigned points(const IsnWishes& wishes, const IsnStyle& style,
                std::span<const nanoseconds> times) {
  constexpr unsigned kForDivisor = 3;
  std::vector<osfp::SequenceSample> samples;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (!wishes.is_answered[i]) continue;
    osfp::SequenceSample sample;
    sample.number = i;
    sample.sent_at = times[i];
    sample.isn = style.at(i, times[i]);
    samples.push_back(sample);
  }
  const auto measured = osfp::measure_isns(samples);
  if (!measured) return 0;
  return (suits(wishes.gcd, measured->gcd) ? kForDivisor : 0) +
         (suits(wishes.rate, measured->rate_index) ? 1U : 0U) +
         (suits(wishes.predictability, measured->predictability) ? 1U : 0U);
}

std::array<nanoseconds, IsnStyle::kNumbers> probe_times(
    std::array<std::int64_t, IsnStyle::kNumbers> milliseconds_and_tenths) noexcept {
  constexpr nanoseconds kTenth{100'000};
  constexpr nanoseconds kStart{3'000'017'000};
  std::array<nanoseconds, IsnStyle::kNumbers> times{};
  for (std::size_t i = 0; i < times.size(); ++i) {
    times[i] = kStart + milliseconds_and_tenths[i] * kTenth;
  }
  return times;
}

IsnStyle random_numbers(Drawing& drawing) noexcept {
  IsnStyle style;
  for (std::uint32_t& one : style.offsets) one = static_cast<std::uint32_t>(drawing.next());
  return style;
}

}  // namespace

IsnStyle find_isns(const IsnWishes& wishes, std::uint64_t draw) {
  Drawing drawing{draw};
  IsnStyle best = random_numbers(drawing);
  if (wishes.gcd == nullptr && wishes.rate == nullptr && wishes.predictability == nullptr) {
    return best;
  }
  const auto exact = probe_times({0, 1000, 2000, 3000, 4000, 5000});
  const auto uneven = probe_times({0, 1008, 1998, 3004, 3995, 5006});
  const auto rough = probe_times({0, 1040, 1970, 3040, 3960, 5030});
  unsigned most = points(wishes, best, exact);
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    const IsnStyle style = make_style(draw_goal(wishes, drawing), drawing);
    const unsigned held = points(wishes, style, exact);
    const bool is_steady = held == kEverything && points(wishes, style, uneven) == kEverything;
    if (is_steady && points(wishes, style, rough) == kEverything) return style;
    const unsigned worth = held + (is_steady ? 1 : 0);
    if (worth <= most) continue;
    most = worth;
    best = style;
  }
  return best;
}

}  // namespace trawl::simnet
