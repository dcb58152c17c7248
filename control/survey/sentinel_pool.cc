#include "control/survey/sentinel_pool.h"

#include <utility>

#include "base/hash.h"

namespace trawl::control {
namespace {

constexpr std::uint32_t kFewestAsked = 8;  // Before a host is judged.
constexpr double kShareOfAverage = 0.6;

// The families do not meet in one survey.
std::uint64_t network_of(const dataplane::AnyTarget& target) noexcept {
  if (target.ip.is_v4()) return target.ip.v4().value() >> 8U;
  return static_cast<std::uint64_t>(target.ip.v6().value() >> 64U);
}

}  // namespace

std::size_t SentinelPool::Hash::operator()(const dataplane::AnyTarget& target) const noexcept {
  const Uint128 ip = target.ip.v6().value();
  const std::uint64_t high = mix64(static_cast<std::uint64_t>(ip >> 64U));
  return mix64(mix64(high ^ static_cast<std::uint64_t>(ip)) ^ target.port);
}

void SentinelPool::offer(dataplane::AnyTarget target) {
  if (hosts_.size() == kMost || networks_.contains(network_of(target))) return;
  networks_.insert(network_of(target));
  place_[target] = hosts_.size();
  hosts_.push_back({.target = target, .number = next_number_++});
}

std::optional<dataplane::AnyTarget> SentinelPool::next(SurveyTime now) {
  // A few looks: where most are resting, the next sample is soon enough.
  constexpr int kLooks = 8;
  for (int look = 0; look < kLooks && !hosts_.empty(); ++look) {
    turn_ = (turn_ + 1) % hosts_.size();
    Host& host = hosts_[turn_];
    if (now - host.last_asked < kRest) continue;
    if (misses_too_often(host)) {
      remove(turn_);
      continue;
    }
    host.last_asked = now;
    ++host.asked;
    ++asked_in_all_;
    asked_.push_back({.host = host.number, .sent = now});
    return host.target;
  }
  return std::nullopt;
}

void SentinelPool::take_back() noexcept {
  --hosts_[turn_].asked;
  --asked_in_all_;
  asked_.pop_back();
}

bool SentinelPool::answered(dataplane::AnyTarget target, SurveyTime sent,
                            std::chrono::nanoseconds rtt) {
  const auto place = place_.find(target);
  if (place == place_.end()) return false;
  Host& host = hosts_[place->second];
  if (host.answered < host.asked) {
    ++host.answered;
    ++answered_in_all_;
  }
  replies_.push_back({.host = host.number, .sent = sent, .rtt = rtt});
  return true;
}

bool SentinelPool::misses_too_often(const Host& host) const noexcept {
  if (host.asked < kFewestAsked || asked_in_all_ == 0) return false;
  const double average = static_cast<double>(answered_in_all_) / static_cast<double>(asked_in_all_);
  return static_cast<double>(host.answered) < kShareOfAverage * average * host.asked;
}

void SentinelPool::remove(std::size_t at) {
  place_.erase(hosts_[at].target);
  networks_.erase(network_of(hosts_[at].target));
  if (at + 1 != hosts_.size()) {
    hosts_[at] = hosts_.back();
    place_[hosts_[at].target] = at;
  }
  hosts_.pop_back();
}

void SentinelPool::clear() noexcept {
  asked_.clear();
  replies_.clear();
}

}  // namespace trawl::control
