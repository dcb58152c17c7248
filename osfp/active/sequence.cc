#include "osfp/active/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace trawl::osfp {
namespace {

constexpr std::size_t kFewestIsns = 4;
constexpr std::uint32_t kCommonDivisor = 9;  // Greatest that comes about by chance.
constexpr double kFastestClock = 10000;      // Hertz; RFC 7323 section 5.4 asks for at most 1000.

// The lesser of both ways round: counters may go down.
std::uint32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
  return std::min(to - from, from - to);
}

// Seconds between the probes; two that left at once count as a microsecond apart.
double seconds_between(const SequenceSample& from, const SequenceSample& to) noexcept {
  constexpr double kLeast = 1e-6;
  return std::max(std::chrono::duration<double>(to.sent_at - from.sent_at).count(), kLeast);
}

// Eight times the binary logarithm, rounded.
unsigned octave_index(double value) noexcept {
  return static_cast<unsigned>(std::lround(8 * std::log2(value)));
}

// Of the sample, not of the population.
double standard_deviation(std::span<const double> values) noexcept {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (count - 1));
}

constexpr unsigned kGreatestOrderedStep = 20000;
constexpr unsigned kBigStep = 1000;
// A big step that is a multiple of 256 may be a small one of a counter in the other byte order.
constexpr unsigned kBigSwappedStep = 25600;
constexpr unsigned kBrokenStep = 5120;
constexpr unsigned kSmallStep = 10;

bool is_random_positive(unsigned step) noexcept {
  return step > kBigStep && (step % 256 != 0 || step >= kBigSwappedStep);
}

bool counts(IpIdClass sequence) noexcept {
  return sequence == IpIdClass::Incremental || sequence == IpIdClass::RandomPositive ||
         sequence == IpIdClass::BrokenIncremental;
}

// Common clocks, by the ranges that the book gives them.
struct Clock {
  double from;
  double to;
  unsigned value;  // Of the test.
  double hertz;
};
constexpr Clock kClocks[] = {{0, 5.66, 1, 2}, {70, 150, 7, 100}, {150, 350, 8, 200}};

const Clock* find_clock(double hertz) noexcept {
  const auto* const at =
      std::find_if(std::begin(kClocks), std::end(kClocks),
                   [&](const Clock& clock) { return hertz > clock.from && hertz <= clock.to; });
  return at == std::end(kClocks) ? nullptr : at;
}

constexpr unsigned kMillisecondClock = 10;  // TS of one that ticks about 1000 times a second.

unsigned stamp_index(double hertz) noexcept {
  const Clock* const clock = find_clock(hertz);
  return clock != nullptr ? clock->value : static_cast<unsigned>(std::lround(std::log2(hertz)));
}

}  // namespace

std::optional<IsnStatistics> measure_isns(std::span<const SequenceSample> samples) {
  if (samples.size() < kFewestIsns) return std::nullopt;
  IsnStatistics statistics;
  std::vector<double> rates;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const std::uint32_t step = distance(samples[i - 1].isn, samples[i].isn);
    statistics.gcd = std::gcd(statistics.gcd, step);
    rates.push_back(step / seconds_between(samples[i - 1], samples[i]));
  }
  const double mean =
      std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size());
  if (mean >= 1) statistics.rate_index = octave_index(mean);
  if (statistics.gcd > kCommonDivisor) {
    for (double& rate : rates) rate /= statistics.gcd;
  }
  const double deviation = standard_deviation(rates);
  if (deviation > 1) statistics.predictability = octave_index(deviation);
  return statistics;
}

std::string_view difficulty_of(unsigned predictability) noexcept {
  struct Word {
    unsigned below;
    std::string_view text;
  };
  constexpr Word kWords[] = {{3, "Trivial joke"},
                             {6, "Easy"},
                             {11, "Medium"},
                             {12, "Formidable"},
                             {16, "Worthy challenge"}};
  for (const Word& word : kWords) {
    if (predictability < word.below) return word.text;
  }
  return "Good luck!";
}

IpIdClass classify_ip_ids(std::span<const std::uint16_t> ids, IpIdSource source) noexcept {
  std::array<unsigned, kSeqProbes> steps{};
  const std::size_t count = std::min(ids.size() - 1, steps.size());
  for (std::size_t i = 0; i < count; ++i) {
    steps[i] = static_cast<std::uint16_t>(ids[i + 1] - ids[i]);
  }
  const auto all = [&](auto&& holds) {
    return std::all_of(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(count), holds);
  };
  if (all([](unsigned step) { return step == 0; })) {
    return ids[0] == 0 ? IpIdClass::Zeros : IpIdClass::Constant;
  }
  if (source != IpIdSource::Echo &&
      !all([](unsigned step) { return step <= kGreatestOrderedStep; })) {
    return IpIdClass::Random;
  }
  if (!all([](unsigned step) { return !is_random_positive(step); })) {
    return IpIdClass::RandomPositive;
  }
  if (all([](unsigned step) { return step % 256 == 0 && step <= kBrokenStep; })) {
    return IpIdClass::BrokenIncremental;
  }
  if (all([](unsigned step) { return step % 2 == 0; })) return IpIdClass::IncrementalByTwo;
  if (all([](unsigned step) { return step < kSmallStep; })) return IpIdClass::Incremental;
  return IpIdClass::Unknown;
}

std::optional<std::string> ip_id_value(IpIdClass sequence, std::uint16_t id) {
  switch (sequence) {
    case IpIdClass::Zeros: return "Z";
    case IpIdClass::Constant: return fmt::format("{:X}", id);
    case IpIdClass::Random: return "RD";
    case IpIdClass::RandomPositive: return "RI";
    case IpIdClass::BrokenIncremental: return "BI";
    case IpIdClass::IncrementalByTwo:
    case IpIdClass::Incremental: return "I";
    case IpIdClass::Unknown: break;
  }
  return std::nullopt;
}

std::string_view to_string(IpIdClass sequence) noexcept {
  constexpr std::string_view kWords[] = {"All zeros",
                                         "Constant",
                                         "Randomized",
                                         "Random positive increments",
                                         "Broken little-endian incremental",
                                         "Incrementing by 2",
                                         "Incremental",
                                         "Busy server or unknown class"};
  return kWords[static_cast<std::size_t>(sequence)];
}

std::optional<bool> shares_ip_ids(std::span<const SequenceSample> samples, IpIdClass tcp,
                                  IpIdClass echo, std::uint16_t first_echo_id) noexcept {
  if (!counts(tcp) || !counts(echo)) return std::nullopt;
  const SequenceSample& first = samples.front();
  const SequenceSample& last = samples.back();
  const unsigned passed = static_cast<std::uint16_t>(last.ip_id - first.ip_id);
  const unsigned mean = passed / static_cast<unsigned>(last.number - first.number);
  return first_echo_id < last.ip_id + 3 * mean;
}

StampStatistics measure_stamps(std::span<const SequenceSample> samples) noexcept {
  using Kind = StampStatistics::Kind;
  const auto has_none = [](const SequenceSample& sample) { return !sample.stamp; };
  const auto is_zero = [](const SequenceSample& sample) { return *sample.stamp == 0; };
  if (std::any_of(samples.begin(), samples.end(), has_none)) return {.kind = Kind::Unsupported};
  if (std::any_of(samples.begin(), samples.end(), is_zero)) return {.kind = Kind::Zero};
  if (samples.size() < 2) return {};
  double sum = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    sum += distance(*samples[i - 1].stamp, *samples[i].stamp) /
           seconds_between(samples[i - 1], samples[i]);
  }
  if (sum == 0) return {};
  return {.kind = Kind::Ticking, .hertz = sum / static_cast<double>(samples.size() - 1)};
}

std::optional<std::string> stamp_value(const StampStatistics& stamps) {
  switch (stamps.kind) {
    case StampStatistics::Kind::Unsupported: return "U";
    case StampStatistics::Kind::Zero: return "0";
    case StampStatistics::Kind::Ticking: return fmt::format("{:X}", stamp_index(stamps.hertz));
    case StampStatistics::Kind::Unknown: break;
  }
  return std::nullopt;
}

std::string_view to_string(const StampStatistics& stamps) noexcept {
  switch (stamps.kind) {
    case StampStatistics::Kind::Unsupported: return "none returned (unsupported)";
    case StampStatistics::Kind::Zero: return "zero timestamp";
    case StampStatistics::Kind::Unknown: return "unknown class";
    case StampStatistics::Kind::Ticking: break;
  }
  switch (stamp_index(stamps.hertz)) {
    case 1: return "2HZ";
    case 7: return "100HZ";
    case kMillisecondClock: return "1000HZ";
    default: return "other";
  }
}

std::optional<std::chrono::duration<double>> uptime_of(std::span<const SequenceSample> samples,
                                                       const StampStatistics& stamps) noexcept {
  if (stamps.kind != StampStatistics::Kind::Ticking || stamps.hertz > kFastestClock) {
    return std::nullopt;
  }
  double hertz = stamps.hertz;
  if (const Clock* const clock = find_clock(hertz)) hertz = clock->hertz;
  if (stamp_index(stamps.hertz) == kMillisecondClock) hertz = 1000;
  return std::chrono::duration<double>{*samples.front().stamp / hertz};
}

}  // namespace trawl::osfp
