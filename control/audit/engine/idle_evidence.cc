#include "control/audit/engine/idle_evidence.h"

#include <algorithm>
#include <cmath>

namespace trawl::control {
namespace {

constexpr double kBurstShare = 0.03;  // Of counts that have a burst in them...
constexpr double kBurstSizes = 256;   // ...whose size is anything below.
constexpr double kMemory = 20;        // Seconds of controls that are not forgotten.
constexpr double kFading = 0.9;
constexpr double kPriorPackets = 0.3;  // What is assumed of other traffic before it is seen.
constexpr double kPriorSeconds = 1.5;
constexpr double kPriorShots = 30;
constexpr double kPriorShown = 0.95;
// Nobody's path is so good that one look at a silent port were enough.
constexpr double kMostShown = 0.99;
constexpr double kLeastShown = 0.5;

double seconds_of(Moment time) noexcept {
  return static_cast<double>(std::max(time, Moment{1}).count()) * 1e-6;
}

double log_factorial(unsigned n) noexcept { return std::lgamma(static_cast<double>(n) + 1); }

// The negative binomial distribution: of so many others in `seconds`, when nothing is known of
// their rate but how many there were in the controls.
double log_others(unsigned k, double packets, double seconds, double controls) noexcept {
  return std::lgamma(k + packets) - std::lgamma(packets) - log_factorial(k) +
         packets * std::log(controls / (controls + seconds)) +
         k * std::log(seconds / (controls + seconds));
}

}  // namespace

void IdleContrast::add(unsigned sent, bool had_probe, Moment took) noexcept {
  sent_[had_probe ? 1 : 0] += sent;
  seconds_[had_probe ? 1 : 0] += seconds_of(took);
}

// Of events of one Poisson process, those in a part of the time are binomially distributed.
double IdleContrast::chance() const noexcept {
  if (seconds_[0] <= 0 || seconds_[1] <= 0) return 1;
  const double share = seconds_[1] / (seconds_[0] + seconds_[1]);
  const unsigned all = sent_[0] + sent_[1];
  double sum = 0;
  for (unsigned with = sent_[1]; with <= all; ++with) {
    sum += std::exp(log_factorial(all) - log_factorial(with) - log_factorial(all - with) +
                    with * std::log(share) + (all - with) * std::log(1 - share));
  }
  return sum;
}

void IdleEvidence::add_control(unsigned sent, Moment took) noexcept {
  const double seconds = seconds_of(took);
  const double keep = std::max(0.0, 1 - seconds / kMemory);
  control_packets_ = control_packets_ * keep + sent;
  control_seconds_ = control_seconds_ * keep + seconds;
  worst_ = std::max(worst_ * kFading, static_cast<double>(sent));
}

void IdleEvidence::add_open(unsigned sent, unsigned copies) noexcept {
  open_sent_ += std::min(sent, copies);
  open_copies_ += copies;
}

void IdleEvidence::set_answers(double answered, double asked) noexcept {
  answered_ = answered;
  asked_ = asked;
}

double IdleEvidence::shown() const noexcept {
  const double share =
      (kPriorShots * kPriorShown + answered_ + open_sent_) / (kPriorShots + asked_ + open_copies_);
  return std::clamp(share, kLeastShown, kMostShown);
}

double IdleEvidence::others_in(Moment time) const noexcept {
  const double rate = (kPriorPackets + control_packets_) / (kPriorSeconds + control_seconds_);
  return rate * seconds_of(time);
}

unsigned IdleEvidence::worst() const noexcept { return static_cast<unsigned>(worst_ + 0.5); }

// A sum over how many of our packets are among those that were counted.
double IdleEvidence::log_likelihood(unsigned sent, unsigned shots, Moment took) const noexcept {
  const double others = others_in(took);
  const double seconds = seconds_of(took);
  const double lost = std::log(1 - shown());
  const double came = std::log(shown());
  double sum = 0;
  // More of others than this is a burst.
  const auto most_others = static_cast<unsigned>(others + 10 * std::sqrt(others) + 20);
  for (unsigned ours = sent > most_others ? sent - most_others : 0; ours <= std::min(sent, shots);
       ++ours) {
    const double term = log_factorial(shots) - log_factorial(ours) - log_factorial(shots - ours) +
                        ours * came + (shots - ours) * lost +
                        log_others(sent - ours, kPriorPackets + control_packets_, seconds,
                                   kPriorSeconds + control_seconds_);
    sum += std::exp(term);
  }
  return std::log((1 - kBurstShare) * sum + kBurstShare / kBurstSizes);
}

IdleEvidence::Best IdleEvidence::best(unsigned sent, unsigned ports, unsigned copies,
                                      Moment took) const noexcept {
  const double others = others_in(took);
  // Only numbers near to what was counted can be the likeliest.
  const unsigned middle = sent / std::max(copies, 1U);
  const unsigned slack = 4 + middle / 4 + static_cast<unsigned>(others) / std::max(copies, 1U);
  const unsigned from = std::clamp(middle > slack ? middle - slack : 1U, 1U, ports);
  const unsigned to = std::clamp(middle + slack, 1U, ports);
  Best best{.open = from, .log_likelihood = log_likelihood(sent, from * copies, took)};
  for (unsigned open = from + 1; open <= to; ++open) {
    const double likelihood = log_likelihood(sent, open * copies, took);
    if (likelihood > best.log_likelihood) best = {.open = open, .log_likelihood = likelihood};
  }
  return best;
}

double IdleEvidence::weight(unsigned sent, unsigned ports, unsigned copies,
                            Moment took) const noexcept {
  const double none = log_likelihood(sent, 0, took);
  const double some = best(sent, ports, copies, took).log_likelihood;
  return std::clamp(some - none, -kMostWeight, kMostWeight);
}

unsigned IdleEvidence::likely_open(unsigned sent, unsigned ports, unsigned copies,
                                   Moment took) const noexcept {
  return best(sent, ports, copies, took).open;
}

}  // namespace trawl::control
