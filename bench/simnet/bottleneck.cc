#include "bench/simnet/bottleneck.h"

#include <algorithm>
#include <cmath>

namespace trawl::simnet {
namespace {

using std::chrono::nanoseconds;

constexpr double kNanosecondsPerSecond = 1e9;
constexpr double kBitsPerByte = 8;

double size_on_wire(std::size_t frame_size) noexcept {
  const auto shortest = static_cast<std::size_t>(BitsPerSecond::kShortestFrame.count());
  const auto overhead = static_cast<std::size_t>(BitsPerSecond::kEthernetOverhead.count());
  return static_cast<double>(std::max(frame_size, shortest) + overhead);
}

}  // namespace

Bottleneck::Bottleneck(const BottleneckOptions& options)
    : options_{options},
      queue_{options.queue * (options.counts_bits ? kBitsPerByte : 1)},
      burst_{options.burst * (options.counts_bits ? kBitsPerByte : 1)} {
  Stretch last{0, 0, options.per_second / kNanosecondsPerSecond};
  stretches_.push_back(last);
  for (const CapacityStep& step : options.steps) {
    const auto at = static_cast<double>(step.at.count());
    last = {at, last.served + (at - last.start) * last.rate,
            step.per_second / kNanosecondsPerSecond};
    stretches_.push_back(last);
  }
}

double Bottleneck::served_at(double time) const noexcept {
  std::size_t at = 0;
  while (at + 1 < stretches_.size() && stretches_[at + 1].start <= time) ++at;
  return stretches_[at].served + (time - stretches_[at].start) * stretches_[at].rate;
}

double Bottleneck::time_of(double served) const noexcept {
  std::size_t at = 0;
  while (at + 1 < stretches_.size() && stretches_[at + 1].served <= served) ++at;
  return stretches_[at].start + (served - stretches_[at].served) / stretches_[at].rate;
}

std::optional<nanoseconds> Bottleneck::pass(std::size_t frame_size, nanoseconds now) noexcept {
  // Rounding may leave a queue that is empty by a hair's breadth.
  constexpr double kHair = 1e-6;
  if (!start_) start_ = now;
  const auto time = static_cast<double>((now - *start_).count());
  const double cost = options_.counts_bits ? kBitsPerByte * size_on_wire(frame_size) : 1;
  const double served = served_at(time);
  const double promised = std::max(promised_, served);
  const double leaves = promised + cost - burst_;
  if (leaves <= served + kHair) {
    promised_ = promised + cost;
    return nanoseconds{0};
  }
  const double queued = std::max(promised - burst_ - served, 0.0);
  if (queued + cost > queue_ + kHair) return std::nullopt;
  promised_ = promised + cost;
  return nanoseconds{static_cast<std::int64_t>(std::ceil(time_of(leaves) - time))};
}

nanoseconds Bottleneck::longest_wait() const noexcept {
  if (!is_present()) return nanoseconds{0};
  double slowest = stretches_.front().rate;
  for (const Stretch& stretch : stretches_) slowest = std::min(slowest, stretch.rate);
  return nanoseconds{static_cast<std::int64_t>(std::ceil(queue_ / slowest))};
}

}  // namespace trawl::simnet
