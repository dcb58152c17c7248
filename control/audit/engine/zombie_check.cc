#include "control/audit/engine/zombie_check.h"

#include <vector>

namespace trawl::control {
namespace {

constexpr std::size_t kEnough = 8;   // Answers.
constexpr std::uint32_t kRound = 8;  // Questions, until it is waited for answers.
constexpr std::uint32_t kMost = 3 * kRound;
constexpr Moment kGap{10'000};  // Between questions; longer in later rounds.

}  // namespace

Timing zombie_timing() noexcept {
  Timing timing;
  timing.min_rtt = Moment{50'000};
  timing.initial_rtt = Moment{700'000};
  timing.max_rtt = Moment{2'000'000};
  return timing;
}

ZombieCheck::ZombieCheck() noexcept : rtt_{zombie_timing()} {}

std::optional<std::uint32_t> ZombieCheck::next(Moment now) noexcept {
  if (is_done_ || now < wake_) return std::nullopt;
  if (ids_.size() >= kEnough || asked_ >= kMost) {
    is_done_ = true;
    return std::nullopt;
  }
  const std::uint32_t round = asked_ / kRound;
  waiting_.emplace(asked_, now);
  const bool is_last = asked_ % kRound == kRound - 1;
  // What a round leaves open is asked again when answers are overdue.
  wake_ = now + (is_last ? rtt_.timeout() * (round + 1) : kGap * (4 * round + 1));
  return asked_++;
}

void ZombieCheck::answered(std::uint32_t question, std::uint16_t id, Moment now) {
  const auto found = waiting_.find(question);
  if (found == waiting_.end()) return;
  rtt_.add(now - found->second);
  waiting_.erase(found);
  ids_.emplace(question, id);
  if (ids_.size() >= kEnough) is_done_ = true;
}

IpIdClass ZombieCheck::found() const {
  std::vector<std::uint16_t> ids;
  for (const auto& [question, id] : ids_) ids.push_back(id);
  return classify_ip_ids(ids);
}

}  // namespace trawl::control
