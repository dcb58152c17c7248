#include "control/survey/recall_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace trawl::control {
namespace {

// One way to know the recall.
struct Opinion {
  double recall;
  double low;
  double high;
};

double recall_at(double loss, double probed_again) noexcept {
  return 1.0 - loss * (1.0 - probed_again) - loss * loss * probed_again;
}

// Chance decides not only what was seen lost, but also how many targets truly were: a number
// expected to be `missed` is within about this of it.
double chance_of(double missed) noexcept { return k95Percent * std::sqrt(std::max(0.0, missed)); }

std::optional<Opinion> from_sentinels(const RecallEvidence& evidence) {
  if (evidence.sentinel_loss.trials <= 0.0) return std::nullopt;
  const ProportionInterval loss = evidence.sentinel_loss.interval(k95Percent);
  const double again = std::clamp(evidence.probed_again, 0.0, 1.0);
  const double recall = recall_at(evidence.sentinel_loss.ratio(), again);
  const double low = recall_at(loss.high, again);
  const double high = recall_at(loss.low, again);
  const auto found = static_cast<double>(evidence.found);
  const double chance = found > 0.0 ? chance_of((1.0 - low) * found) / found : 0.0;
  return Opinion{.recall = recall,
                 .low = recall - std::hypot(recall - low, chance),
                 .high = recall + std::hypot(high - recall, chance)};
}

// `found` of `all`, `deviation` being that of `all`, which is at least `found`. The number missed
// is skewed when small: its upper end is taken on a logarithmic scale (K. P. Burnham et al.,
// Wildlife Monographs 96, 1987, as for other counts of the unseen).
std::optional<Opinion> from_total(double found, double all, double deviation) {
  if (found <= 0.0) return std::nullopt;
  const double missed = std::max(0.0, all - found);
  if (missed <= 0.0) {
    // None seen missing: at most three by 95 % (the rule of three), scaled to one pass.
    return Opinion{.recall = 1.0, .low = found / (found + 3.0), .high = 1.0};
  }
  const double spread =
      std::exp(k95Percent * std::sqrt(std::log1p(deviation * deviation / (missed * missed))));
  const double half = std::max(k95Percent * deviation, chance_of(missed));
  const double most = std::max(missed * spread, missed + half);
  const double fewest = std::max(0.0, std::min(missed / spread, missed - half));
  return Opinion{
      .recall = found / all, .low = found / (found + most), .high = found / (found + fewest)};
}

std::optional<Opinion> from_overlap(const PassOverlap& passes) {
  const auto n1 = static_cast<double>(passes.first);
  const auto n2 = static_cast<double>(passes.second);
  const auto m = static_cast<double>(passes.both);
  const double all = (n1 + 1.0) * (n2 + 1.0) / (m + 1.0) - 1.0;
  const double variance =
      (n1 + 1.0) * (n2 + 1.0) * (n1 - m) * (n2 - m) / ((m + 1.0) * (m + 1.0) * (m + 2.0));
  return from_total(n1 + n2 - m, all, std::sqrt(std::max(0.0, variance)));
}

std::optional<Opinion> from_removal(const PassRemoval& passes) {
  const auto c1 = static_cast<double>(passes.first);
  const auto c2 = static_cast<double>(passes.second);
  if (c2 >= c1) return std::nullopt;  // The second pass found no less: nothing can be said.
  const double drop = c1 - c2;
  const double all = c1 * c1 / drop;
  const double variance = c1 * c1 * c2 * c2 * (c1 + c2) / (drop * drop * drop * drop);
  return from_total(c1 + c2, all, std::sqrt(variance));
}

// By precision where they agree, spanning both where not.
Opinion combine(const Opinion& a, const Opinion& b) {
  const bool agree = a.low <= b.high && b.low <= a.high;
  const double width_a = std::max(a.high - a.low, 1e-9);
  const double width_b = std::max(b.high - b.low, 1e-9);
  const double weight_a = 1.0 / (width_a * width_a);
  const double weight_b = 1.0 / (width_b * width_b);
  const auto mean = [&](double x, double y) {
    return (weight_a * x + weight_b * y) / (weight_a + weight_b);
  };
  const double recall = mean(a.recall, b.recall);
  if (!agree) return {recall, std::min(a.low, b.low), std::max(a.high, b.high)};
  // No narrower than its parts: the chance in how many were truly missed is common to both.
  return {recall, mean(a.low, b.low), mean(a.high, b.high)};
}

double share_lost_here(const RecallEvidence& evidence) noexcept {
  return Counted{static_cast<double>(evidence.lost_here),
                 static_cast<double>(evidence.lost_here + evidence.replies)}
      .ratio();
}

void judge(RecallEstimate& estimate, const RecallEvidence& evidence) {
  const double lost_here = share_lost_here(evidence);
  if (estimate.recall >= RecallEstimate::kLeastRecall &&
      estimate.low >= RecallEstimate::kLeastLow && lost_here <= RecallEstimate::kMostLostHere) {
    estimate.verdict = RecallVerdict::Trustworthy;
    return;
  }
  const bool by_rate =
      deviations_above(evidence.sentinel_loss, evidence.baseline_loss) > k99Percent;
  if (!by_rate && lost_here <= RecallEstimate::kMostLostHere) {
    estimate.verdict = RecallVerdict::MoreRetries;
    return;
  }
  // Loss L beyond what low rates lose means the path, or this machine, bears 1 - L of the rate.
  const double kept =
      (1.0 - evidence.sentinel_loss.ratio()) / (1.0 - evidence.baseline_loss.ratio());
  const double borne = std::clamp(std::min(by_rate ? kept : 1.0, 1.0 - lost_here), 0.01, 1.0);
  estimate.verdict = RecallVerdict::LowerRate;
  estimate.try_at_most = PacketsPerSecond{0.9 * borne * evidence.rate.per_second()};
}

}  // namespace

RecallEstimate RecallEstimate::from(const RecallEvidence& evidence) {
  const std::optional<Opinion> sentinels = from_sentinels(evidence);
  const std::optional<Opinion> passes = evidence.overlap   ? from_overlap(*evidence.overlap)
                                        : evidence.removal ? from_removal(*evidence.removal)
                                                           : std::nullopt;
  RecallEstimate estimate;
  if (!sentinels && !passes) {
    estimate.recall = estimate.high = 1.0 - share_lost_here(evidence);
    if (share_lost_here(evidence) > kMostLostHere) judge(estimate, evidence);
    return estimate;
  }
  const Opinion opinion = sentinels && passes ? combine(*sentinels, *passes)
                          : sentinels         ? *sentinels
                                              : *passes;
  estimate.recall = std::clamp(opinion.recall, 0.0, 1.0);
  estimate.low = std::clamp(opinion.low, 0.0, estimate.recall);
  estimate.high = std::clamp(opinion.high, estimate.recall, 1.0);
  judge(estimate, evidence);
  return estimate;
}

std::string RecallEstimate::to_string() const {
  return fmt::format("{:.4f} ({:.4f} to {:.4f})", recall, low, high);
}

std::string RecallEstimate::verdict_text() const {
  switch (verdict) {
    case RecallVerdict::Trustworthy: return "trustworthy";
    case RecallVerdict::LowerRate:
      return fmt::format("degraded: try <= {:.0f} pps", try_at_most.per_second());
    case RecallVerdict::MoreRetries:
      return "degraded: try more --retries; no lower rate would have lost less";
    case RecallVerdict::Unknown: break;
  }
  return "unknown: too little answered to tell what was missed";
}

}  // namespace trawl::control
