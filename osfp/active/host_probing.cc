#include "osfp/active/host_probing.h"

#include <algorithm>
#include <cassert>

namespace trawl::osfp {
namespace {

constexpr std::uint8_t kLeastTtl = 40;  // More than the routers on any way through the Internet.
constexpr std::uint32_t kTtls = 24;

}  // namespace

HostProbing::HostProbing(const ProbeSeries& series, bool knows_closed_port,
                         const ProbingSettings& settings, std::uint64_t seed, Moment start)
    : settings_{settings}, random_state_{seed} {
  round_.series = series;
  round_.knows_closed_port = knows_closed_port;
  restarts_left_ = settings_.restarts;
  begin_batch(start);
}

// SplitMix64: fields that only need to look random.
std::uint32_t HostProbing::random() noexcept {
  random_state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = random_state_;
  mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111eb;
  return static_cast<std::uint32_t>((mixed ^ mixed >> 31U) >> 32U);
}

void HostProbing::begin_batch(Moment start) noexcept {
  start_ = start;
  last_sent_ = start - settings_.spacing;
  kept_time_ = true;
  given_up_ = {};
  seq_next_ = round_.series.open_port ? 0 : kSeqProbes;
  for (Exchange& exchange : round_.exchanges) exchange = {};
  round_.series.sequence = random();
  round_.series.ack = random() | 1U;
  const std::uint32_t ids = std::uint32_t{settings_.last_echo_id} - settings_.first_echo_id;
  round_.series.echo_id = static_cast<std::uint16_t>(settings_.first_echo_id + random() % ids);
}

void HostProbing::begin_round(Moment start) {
  restarts_left_ = settings_.restarts;
  take_next_ports();
  begin_batch(start);
}

void HostProbing::take_next_ports() noexcept {
  const std::size_t next = round_.series.source_port + kProbes;
  const bool fits = next + kProbes - 1 <= settings_.last_source_port;
  round_.series.source_port = fits ? static_cast<std::uint16_t>(next) : settings_.first_source_port;
}

bool HostProbing::is_wanted(Probe probe) const noexcept {
  if (settings_.only_open_port && !needs_open_port(probe)) return false;
  return !needs_open_port(probe) || round_.series.open_port;
}

std::optional<Moment> HostProbing::deadline_of(Probe probe) const noexcept {
  const Exchange& exchange = round_.at(probe);
  if (!is_wanted(probe) || exchange.response || given_up_[index_of(probe)]) return std::nullopt;
  if (!exchange.was_sent) return last_sent_ + settings_.spacing;
  return std::max(exchange.sent_at + settings_.timeout, last_sent_ + settings_.spacing);
}

std::optional<Moment> HostProbing::due() const noexcept {
  if (seq_next_ < kSeqProbes) return start_ + kSeqSpacing * static_cast<int>(seq_next_);
  std::optional<Moment> first;
  for (std::size_t i = 0; i < kProbes; ++i) {
    const auto deadline = deadline_of(probe_at(i));
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

DueProbe HostProbing::stamped(Probe probe) noexcept {
  return {.probe = probe,
          .stamp = {.id = static_cast<std::uint16_t>(random()),
                    .ttl = static_cast<std::uint8_t>(kLeastTtl + random() % kTtls)}};
}

std::optional<DueProbe> HostProbing::next(Moment now) {
  const auto moment = due();
  if (!moment || *moment > now) return std::nullopt;
  if (seq_next_ < kSeqProbes) return stamped(probe_at(seq_next_));
  return next_other(now);
}

// Probes not sent yet come before those to be sent again.
std::optional<DueProbe> HostProbing::next_other(Moment now) {
  for (const bool again : {false, true}) {
    for (std::size_t i = 0; i < kProbes; ++i) {
      const Exchange& exchange = round_.exchanges[i];
      const auto deadline = deadline_of(probe_at(i));
      if (exchange.was_sent != again || !deadline || *deadline > now) continue;
      if (exchange.tries <= settings_.retransmissions) return stamped(probe_at(i));
      given_up_[i] = true;
    }
  }
  return std::nullopt;
}

void HostProbing::check_spacing(Probe probe, Moment at) noexcept {
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

void HostProbing::sent(const DueProbe& probe, Moment at) noexcept {
  Exchange& exchange = round_.at(probe.probe);
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

bool HostProbing::receive(std::span<const std::byte> packet) {
  const auto match = match_response(round_.series, packet);
  if (!match) return false;
  Exchange& exchange = round_.at(match->probe);
  if (!exchange.was_sent) return false;
  if (!exchange.response) exchange.response = match->response;
  return true;
}

double HostProbing::timing_ratio() const noexcept {
  if (!round_.series.open_port || seq_next_ < kSeqProbes) return 1;
  return std::chrono::duration<double>(seq_last_ - start_) /
         std::chrono::duration<double>(kSeqSpacing * (static_cast<int>(kSeqProbes) - 1));
}

}  // namespace trawl::osfp
