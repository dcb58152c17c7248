#pragma once

#include <algorithm>
#include <cassert>

#include "osfp/active/host_probing.h"

namespace trawl::osfp {

// The members of BasicHostProbing: for the files that make one of it for a family.

inline constexpr std::uint8_t kLeastTtl = 40;  // More than the routers on any way.
inline constexpr std::uint32_t kTtls = 24;

template <typename Family>
BasicHostProbing<Family>::BasicHostProbing(const Series& series, bool knows_closed_port,
                                           const ProbingSettings& settings, std::uint64_t seed,
                                           Moment start)
    : settings_{settings}, random_state_{seed} {
  round_.series = series;
  round_.knows_closed_port = knows_closed_port;
  restarts_left_ = settings_.restarts;
  begin_batch(start);
}

// SplitMix64: fields that only need to look random.
template <typename Family>
std::uint32_t BasicHostProbing<Family>::random() noexcept {
  random_state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = random_state_;
  mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111eb;
  return static_cast<std::uint32_t>((mixed ^ mixed >> 31U) >> 32U);
}

template <typename Family>
void BasicHostProbing<Family>::begin_batch(Moment start) noexcept {
  start_ = start;
  last_sent_ = start - settings_.spacing;
  kept_time_ = true;
  given_up_ = {};
  seq_next_ = round_.series.open_port ? 0 : kSeqProbes;
  for (auto& exchange : round_.exchanges) exchange = {};
  round_.series.sequence = random();
  round_.series.ack = random() | 1U;
  Family::renew(round_.series, random(), settings_);
}

template <typename Family>
void BasicHostProbing<Family>::begin_round(Moment start) {
  restarts_left_ = settings_.restarts;
  take_next_ports();
  begin_batch(start);
}

template <typename Family>
void BasicHostProbing<Family>::take_next_ports() noexcept {
  const std::size_t next = round_.series.source_port + kProbes;
  const bool fits = next + kProbes - 1 <= settings_.last_source_port;
  round_.series.source_port = fits ? static_cast<std::uint16_t>(next) : settings_.first_source_port;
}

template <typename Family>
bool BasicHostProbing<Family>::is_wanted(Probe probe) const noexcept {
  if (!Family::suits(probe, round_.series)) return false;
  if (settings_.only_open_port && !needs_open_port(probe)) return false;
  return !needs_open_port(probe) || round_.series.open_port;
}

template <typename Family>
std::optional<Moment> BasicHostProbing<Family>::deadline_of(Probe probe) const noexcept {
  const auto& exchange = round_.at(probe);
  if (!is_wanted(probe) || exchange.response || given_up_[index_of(probe)]) return std::nullopt;
  if (!exchange.was_sent) return last_sent_ + settings_.spacing;
  return std::max(exchange.sent_at + settings_.timeout, last_sent_ + settings_.spacing);
}

template <typename Family>
std::optional<Moment> BasicHostProbing<Family>::due() const noexcept {
  if (seq_next_ < kSeqProbes) return start_ + kSeqSpacing * static_cast<int>(seq_next_);
  std::optional<Moment> first;
  for (std::size_t i = 0; i < kProbes; ++i) {
    const auto deadline = deadline_of(Family::probe_at(i));
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

// All tries have the TTL of the first: an error may quote any of them, and tells the distance.
template <typename Family>
BasicDueProbe<Family> BasicHostProbing<Family>::stamped(Probe probe) noexcept {
  const auto& exchange = round_.at(probe);
  const std::uint32_t number = random();
  const auto drawn = static_cast<std::uint8_t>(kLeastTtl + random() % kTtls);
  const std::uint8_t ttl = exchange.was_sent ? exchange.sent_ttl : drawn;
  return {.probe = probe, .stamp = Family::make_stamp(number, ttl)};
}

template <typename Family>
std::optional<BasicDueProbe<Family>> BasicHostProbing<Family>::next(Moment now) {
  const auto moment = due();
  if (!moment || *moment > now) return std::nullopt;
  if (seq_next_ < kSeqProbes) return stamped(Family::probe_at(seq_next_));
  return next_other(now);
}

// Probes not sent yet come before those to be sent again.
template <typename Family>
std::optional<BasicDueProbe<Family>> BasicHostProbing<Family>::next_other(Moment now) {
  for (const bool again : {false, true}) {
    for (std::size_t i = 0; i < kProbes; ++i) {
      const auto& exchange = round_.exchanges[i];
      const auto deadline = deadline_of(Family::probe_at(i));
      if (exchange.was_sent != again || !deadline || *deadline > now) continue;
      if (exchange.tries < tries_of(i)) return stamped(Family::probe_at(i));
      given_up_[i] = true;
    }
  }
  return std::nullopt;
}

template <typename Family>
void BasicHostProbing<Family>::check_spacing(Probe probe, Moment at) noexcept {
  if (probe == Probe::Seq1) {
    start_ = at;  // The moments of the others count from when it really left.
  } else {
    const Moment gap = at - seq_last_;
    if (gap > kSeqSpacing + settings_.tolerance || gap < kSeqSpacing - settings_.tolerance) {
      kept_time_ = false;
    }
  }
  seq_last_ = at;
}

template <typename Family>
void BasicHostProbing<Family>::sent(const DueProbe& probe, Moment at) noexcept {
  auto& exchange = round_.at(probe.probe);
  exchange.was_sent = true;
  exchange.sent_at = at;
  exchange.sent_ttl = probe.stamp.ttl;
  ++exchange.tries;
  last_sent_ = at;
  if (seq_next_ == kSeqProbes) return;
  assert(index_of(probe.probe) == seq_next_);
  check_spacing(probe.probe, at);
  if (++seq_next_ < kSeqProbes || kept_time_ || restarts_left_ == 0) return;
  --restarts_left_;
  take_next_ports();
  begin_batch(at + kSeqSpacing);
}

template <typename Family>
bool BasicHostProbing<Family>::receive(std::span<const std::byte> packet, Moment at) {
  auto match = Family::match(round_.series, packet, at);
  if (!match) return false;
  auto& exchange = round_.at(match->probe);
  if (!exchange.was_sent) return false;
  if (!exchange.response) exchange.response = std::move(match->response);
  return true;
}

template <typename Family>
double BasicHostProbing<Family>::timing_ratio() const noexcept {
  if (!round_.series.open_port || seq_next_ < kSeqProbes) return 1;
  return std::chrono::duration<double>(seq_last_ - start_) /
         std::chrono::duration<double>(kSeqSpacing * (static_cast<int>(kSeqProbes) - 1));
}

}  // namespace trawl::osfp
