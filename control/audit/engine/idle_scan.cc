#include "control/audit/engine/idle_scan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace trawl::control {
namespace {

constexpr double kOpen = 17;         // Weight of an open port: a ten-millionth for error...
constexpr double kOpenInNoise = 29;  // Of one beside other traffic, which may come in echoes.
constexpr double kShut = -5.8;       // ...and of one that is not: three thousandths.
constexpr double kMostChance = 1e-6;
constexpr double kSuspicion = 3.3;      // Of a port in a group that has open ones...
constexpr double kSuspicionAlone = 10;  // ...without copies, when silence may be a lost reset's.
constexpr double kSuspect = 0.7;        // Of a group that is worth halving.
constexpr double kSpoofs = 8;
constexpr double kSpoofsNot = -6;
constexpr unsigned kSpoofTries = 8;
constexpr unsigned kSpoofCopies = 4;
constexpr std::size_t kFirstLimit = 16;
constexpr std::size_t kLeastLimit = 4;
constexpr std::size_t kMostLimit = 128;
constexpr unsigned kMostPackets = 256;  // Of a count.
constexpr unsigned kFirstControls = 6;
constexpr unsigned kControlsOfDoubt = 3;
constexpr unsigned kControlsAlone = 20;
constexpr unsigned kControlEvery = 16;
constexpr unsigned kSomeControlEvery = 4;
constexpr unsigned kBusyControlEvery = 2;
constexpr double kBusyRate = 0.02;  // Other packets in a count, from which on it is not quiet.
constexpr double kFewOthers = 0.1;
constexpr double kMostOthers = 8;         // In a count; beyond, nothing is seen any more.
constexpr double kMostOthersAlone = 0.6;  // The same without copies.
constexpr unsigned kMostBusyCounts = 40;
constexpr unsigned kMostContradictions = 60;
constexpr unsigned kMostGroupTries = 6;
constexpr unsigned kMostPortTries = 150;
constexpr unsigned kEarlyCounts = 3;
constexpr unsigned kCopyPorts = 240;  // Of the zombie that nobody asks.
constexpr std::uint64_t kMostCounts = 500;
constexpr std::uint64_t kMostCountsOfPort = 60;
constexpr Moment kLongestWait{2'000'000};

}  // namespace

IdleScan::IdleScan(const Settings& settings)
    : settings_{settings},
      meter_{settings.numbers, settings.zombie},
      random_{settings.seed},
      weights_(settings.ports, 0.0),
      wait_{std::max(settings.wait, settings.least_wait)},
      limit_{kFirstLimit},
      controls_due_{kFirstControls},
      left_{settings.ports} {
  queue_.resize(settings.ports);
  std::iota(queue_.begin(), queue_.end(), 0U);
}

std::vector<IdleScan::Verdict> IdleScan::take_verdicts() noexcept {
  return std::exchange(verdicts_, {});
}

std::optional<IdleAction> IdleScan::next(Moment now) {
  while (!is_done_) {
    if (const auto count = meter_.take()) learn(*count);
    if (meter_.is_silent()) fail(Failure::Silent);
    if (is_done_) break;
    if (!meter_.is_counting()) choose(now);
    if (is_done_) break;
    if (auto action = meter_.next(now)) return action;
    if (!meter_.is_silent()) return std::nullopt;
  }
  return std::nullopt;
}

Moment IdleScan::count_time() const noexcept { return wait_ + meter_.rtt().srtt(); }

// So many that other traffic alone does not come near.
unsigned IdleScan::copies_for_group() const noexcept {
  const double others = evidence_.others_in(count_time());
  if (!has_copies_ || others < kBusyRate) return 1;
  const double needed = others + 3 * std::sqrt(others);
  return std::clamp(static_cast<unsigned>(std::ceil(needed)), 1U, kMostCopies - 3U);
}

bool IdleScan::is_quiet() const noexcept { return evidence_.others_in(count_time()) < kBusyRate; }

// Where one SYN has to do, every other count is without.
unsigned IdleScan::copies_for_port() noexcept {
  if (!has_copies_) return is_quiet() || random_() % 2 == 0 ? 1 : 0;
  const unsigned least =
      std::clamp(std::max(copies_for_group() + 2, evidence_.worst() + 1), 3U, kMostCopies - 3U);
  return least + static_cast<unsigned>(random_() % 4);
}

void IdleScan::choose(Moment now) {
  const double others = evidence_.others_in(count_time());
  const bool is_busy =
      others > (has_copies_ || !are_copies_known_ ? kMostOthers : kMostOthersAlone);
  const unsigned every = others > kFewOthers  ? kBusyControlEvery
                         : others > kBusyRate ? kSomeControlEvery
                                              : kControlEvery;
  if (controls_due_ > 0 || is_busy || since_control_ >= every) {
    begin(Purpose::Control, 0, now);
  } else if (!is_spoofing_known_) {
    const double needed = others + 3 * std::sqrt(others);
    begin(Purpose::Spoofing, kSpoofCopies + static_cast<unsigned>(needed), now);
  } else if (!are_copies_known_) {
    begin(Purpose::Copies, kMostCopies, now);
  } else {
    begin_look(now);
  }
}

void IdleScan::begin_look(Moment now) {
  if (stack_.empty() && queue_.empty()) {
    is_done_ = true;
    return;
  }
  const unsigned copies = copies_for_group();
  if (!stack_.empty()) {
    group_ = std::move(stack_.back());
    stack_.pop_back();
  } else {
    const std::size_t most = std::clamp<std::size_t>(kMostPackets / copies, 1, limit_);
    const auto size = static_cast<std::ptrdiff_t>(std::min(queue_.size(), most));
    group_ = Group{};
    group_.ports.assign(queue_.begin(), queue_.begin() + size);
    queue_.erase(queue_.begin(), queue_.begin() + size);
  }
  const bool is_port = group_.ports.size() == 1;
  begin(is_port ? Purpose::Port : Purpose::Group, is_port ? copies_for_port() : copies, now);
}

void IdleScan::begin(Purpose purpose, unsigned copies, Moment now) {
  purpose_ = purpose;
  copies_ = copies;
  std::vector<IdleAction> packets;
  if (purpose == Purpose::Spoofing || purpose == Purpose::Copies) {
    for (unsigned i = 0; i < copies; ++i) {
      const unsigned copy = purpose == Purpose::Copies ? 1 + i * kCopyPorts / copies : 0;
      packets.push_back(
          {.kind = IdleAction::Kind::Answer, .copy = static_cast<std::uint8_t>(copy)});
    }
  } else if (purpose != Purpose::Control) {
    // From other ports each time: where a reset was lost, the target has the connection half open
    // and is silent for a while.
    const auto start = static_cast<unsigned>(random_() % kCopyPorts);
    for (unsigned i = 0; i < copies; ++i) {
      const unsigned copy = has_copies_ ? 1 + (start + i) % kCopyPorts : 0;
      for (const std::uint32_t port : group_.ports) {
        packets.push_back({.kind = IdleAction::Kind::Syn,
                           .number = port,
                           .copy = static_cast<std::uint8_t>(copy)});
      }
    }
  }
  const bool has_middle = purpose == Purpose::Port && wait_ > settings_.least_wait;
  meter_.begin(std::move(packets), wait_, has_middle, now);
}

void IdleScan::learn(const IdleCount& count) {
  ++since_control_;
  if (++counts_ > kMostCounts + kMostCountsOfPort * settings_.ports) fail(Failure::Busy);
  evidence_.set_answers(static_cast<double>(meter_.answers()), static_cast<double>(meter_.asked()));
  switch (purpose_) {
    case Purpose::Spoofing: learn_spoofing(count); return;
    case Purpose::Copies: learn_copies(count); return;
    case Purpose::Group: learn_group(count); return;
    case Purpose::Port: learn_port(count); return;
    default: break;
  }
  since_control_ = 0;
  if (!count.is_sure) return;
  evidence_.add_control(count.sent, count.took);
  if (controls_due_ > 0) --controls_due_;
  const double most = has_copies_ || !are_copies_known_ ? kMostOthers : kMostOthersAlone;
  busy_counts_ = evidence_.others_in(count_time()) > most ? busy_counts_ + 1 : 0;
  if (busy_counts_ > kMostBusyCounts) fail(Failure::Busy);
}

void IdleScan::learn_spoofing(const IdleCount& count) {
  if (++spoofing_tries_ > kSpoofTries) fail(is_quiet() ? Failure::NoSpoofing : Failure::Busy);
  if (!count.is_sure) return;
  spoofing_ += evidence_.weight(count.sent, 1, copies_, count.took);
  if (spoofing_ >= kSpoofs) is_spoofing_known_ = true;
  if (spoofing_ <= kSpoofsNot && spoofing_tries_ > 1) fail(Failure::NoSpoofing);
}

// Without an answer from its other ports, SYNs come from the one that is asked, and once.
void IdleScan::learn_copies(const IdleCount& count) {
  ++copies_tries_;
  if (count.is_sure) many_copies_ += evidence_.weight(count.sent, 1, copies_, count.took);
  has_copies_ = many_copies_ >= kSpoofs;
  are_copies_known_ = has_copies_ || many_copies_ <= kSpoofsNot || copies_tries_ >= kSpoofTries;
  // One SYN is easily taken for another's: other traffic has to be known well.
  if (are_copies_known_ && !has_copies_) controls_due_ = kControlsAlone;
}

void IdleScan::decide(std::uint32_t port, bool is_open) {
  verdicts_.push_back({.port = port, .is_open = is_open});
  --left_;
  contradictions_ = 0;
}

void IdleScan::fail(Failure failure) noexcept {
  is_done_ = true;
  failure_ = failure;
}

// Counts that cannot all be right: the zombie has other traffic, or its answers come later.
void IdleScan::contradict() {
  controls_due_ = std::max(controls_due_, kControlsOfDoubt);
  if (++contradictions_ > kMostContradictions) fail(Failure::Busy);
  limit_ = std::max(limit_ / 2, kLeastLimit);
  const Moment most =
      std::min(std::max(settings_.wait * 4, settings_.least_wait * 8), kLongestWait);
  // Longer waits have more of others' packets.
  if (!is_lag_short_ && evidence_.others_in(count_time()) < kFewOthers)
    wait_ = std::min(wait_ * 5 / 4, most);
}

void IdleScan::learn_group(const IdleCount& count) {
  const auto size = static_cast<unsigned>(group_.ports.size());
  const double weight = evidence_.weight(count.sent, size, copies_, count.took);
  ++group_.tries;
  if (!count.is_sure || (weight > 0 && weight < kSuspect && group_.tries < kMostGroupTries)) {
    if (group_.tries >= kMostGroupTries) contradict();
    stack_.push_back(std::move(group_));
    return;
  }
  if (weight > 0) {
    split(evidence_.likely_open(count.sent, size, copies_, count.took));
    return;
  }
  if (group_.half == Group::Half::None) limit_ = std::min(limit_ * 2, kMostLimit);
  note_shut_half();
  rule_out(weight);
}

// A group with open ports has some in one of its halves.
void IdleScan::note_shut_half() {
  if (group_.is_other_half_shut) contradict();
  if (group_.half == Group::Half::First) stack_.back().is_other_half_shut = true;
}

// Each port of the group has got SYNs that were not answered.
void IdleScan::rule_out(double weight) {
  for (const std::uint32_t port : group_.ports) {
    weights_[port] += weight;
    if (weights_[port] <= kShut) {
      decide(port, false);
    } else {
      queue_.push_back(port);
    }
  }
}

void IdleScan::split(unsigned open) {
  const std::vector<std::uint32_t>& ports = group_.ports;
  // What seemed to be shut may be what is open: it takes more silence now.
  const double least = has_copies_ ? kSuspicion : kSuspicionAlone;
  for (const std::uint32_t port : ports) weights_[port] = std::max(weights_[port], least);
  // Where most are open halves say little.
  const std::size_t size = open * 2 >= ports.size() ? std::size_t{1} : (ports.size() + 1) / 2;
  std::vector<Group> parts;
  for (std::size_t at = 0; at < ports.size(); at += size) {
    Group part;
    const std::size_t end = std::min(at + size, ports.size());
    part.ports.assign(ports.begin() + static_cast<std::ptrdiff_t>(at),
                      ports.begin() + static_cast<std::ptrdiff_t>(end));
    parts.push_back(std::move(part));
  }
  if (parts.size() == 2) {
    parts.front().half = Group::Half::Second;
    parts.back().half = Group::Half::First;
  }
  std::ranges::move(parts, std::back_inserter(stack_));
}

void IdleScan::learn_port(const IdleCount& count) {
  const std::uint32_t port = group_.ports.front();
  ++group_.tries;
  if (count.is_sure) {
    const double others = evidence_.others_in(count.took);
    const auto most = static_cast<unsigned>(others + 3 * std::sqrt(others) + 1);
    group_.contrast.add(std::min(count.sent, most + copies_), copies_ > 0, count.took);
    const double weight = evidence_.weight(count.sent, 1, copies_, count.took);
    // One look alone opens nothing, nor do two beside other traffic.
    weights_[port] += std::min(weight, is_quiet() ? kOpen * 0.75 : kOpen * 0.4);
    if (weight > 0) learn_lag(count);
    // Neither an open port nor a shut one fits.
    if (count.sent > 0 && count.sent != copies_ && controls_due_ == 0) controls_due_ = 1;
  }
  if (is_surely_open(port)) {
    evidence_.add_open(count.sent, copies_);
    decide(port, true);
  } else if (weights_[port] <= kShut) {
    note_shut_half();
    decide(port, false);
  } else if (group_.tries >= kMostPortTries) {
    contradict();
    weights_[port] = 0;
    queue_.push_back(port);
  } else {
    stack_.push_back(std::move(group_));
  }
}

bool IdleScan::is_surely_open(std::uint32_t port) const noexcept {
  const double alone = has_copies_ ? 0 : kSuspicionAlone;
  const bool is_calm = is_quiet() && evidence_.worst() == 0;
  if (weights_[port] < alone + (is_calm ? kOpen : kOpenInNoise)) return false;
  return has_copies_ || is_quiet() || group_.contrast.chance() < kMostChance;
}

// Answers that were there by half of the wait, time and again, make it shorter.
void IdleScan::learn_lag(const IdleCount& count) {
  if (!count.early || count.sent == 0) return;
  is_lag_short_ = *count.early == count.sent;
  if (!is_lag_short_) {
    early_counts_ = 0;
    return;
  }
  if (++early_counts_ < kEarlyCounts) return;
  early_counts_ = 0;
  wait_ = std::max(wait_ * 3 / 4, settings_.least_wait);
}

}  // namespace trawl::control
