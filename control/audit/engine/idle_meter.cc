#include "control/audit/engine/idle_meter.h"

#include <algorithm>
#include <utility>

namespace trawl::control {
namespace {

constexpr Moment kLongestTimeout{2'000'000};

}  // namespace

void IdleMeter::begin(std::vector<IdleAction> packets, Moment wait, bool has_middle, Moment now) {
  packets_ = std::move(packets);
  wait_ = wait;
  has_middle_ = has_middle;
  sent_ = 0;
  early_.reset();
  // A number that is not old tells nothing of other traffic that a new one would not.
  const bool is_fresh = first_ && now - first_at_ <= wait / 4;
  phase_ = is_fresh ? Phase::Sending : Phase::Before;
  if (!is_fresh) waiting_.clear();
  wake_ = now;
}

IdleAction IdleMeter::ask(Moment now) {
  ++asked_;
  last_question_ = static_cast<std::uint32_t>(asked_);
  waiting_.emplace(last_question_, now);
  const Moment timeout = rtt_.timeout() * (1U << std::min(silences_, 5U));
  wake_ = now + std::min(timeout, kLongestTimeout);
  return {.kind = IdleAction::Kind::Ask, .number = last_question_};
}

std::optional<IdleAction> IdleMeter::ask_again(Moment now) {
  if (waiting_.contains(last_question_)) {
    if (now < wake_) return std::nullopt;
    ++silences_;
    if (is_silent()) return std::nullopt;
  }
  return ask(now);
}

std::optional<IdleAction> IdleMeter::next(Moment now) {
  switch (phase_) {
    case Phase::Before:
    case Phase::After: return ask_again(now);
    case Phase::Sending:
      if (sent_ < packets_.size()) return packets_[sent_++];
      phase_ = Phase::Waiting;
      middle_ = now + wait_ / 2;
      until_ = now + wait_;
      wake_ = has_middle_ ? middle_ : until_;
      [[fallthrough]];
    case Phase::Waiting:
      if (has_middle_ && now >= middle_) {
        has_middle_ = false;
        IdleAction question = ask(now);
        wake_ = until_;
        return question;
      }
      if (now < until_) return std::nullopt;
      phase_ = Phase::After;
      return ask(now);
    default: return std::nullopt;
  }
}

void IdleMeter::answered(std::uint32_t question, std::uint16_t id, Moment now) {
  const auto found = waiting_.find(question);
  if (found == waiting_.end()) return;
  rtt_.add(now - found->second);
  waiting_.erase(found);
  ++answers_;
  silences_ = 0;
  const bool is_last = question == last_question_;
  if (phase_ == Phase::Before) {
    if (is_last) open(id, now);
    return;
  }
  ++known_;
  if (phase_ == Phase::Waiting && is_last && first_) {
    const int sent = packets_between(numbers_, *first_, id);
    if (sent >= static_cast<int>(known_)) early_ = static_cast<unsigned>(sent) - known_;
  }
  if (phase_ == Phase::After && is_last) close(id, now);
}

void IdleMeter::open(std::uint16_t id, Moment now) {
  waiting_.clear();
  known_ = 0;
  first_ = id;
  first_at_ = now;
  phase_ = Phase::Sending;
  wake_ = now;
}

void IdleMeter::close(std::uint16_t id, Moment now) {
  const int sent = packets_between(numbers_, *first_, id) - static_cast<int>(known_);
  const bool lost = !waiting_.empty();
  done_ = IdleCount{.is_sure = sent == 0 || (sent > 0 && !lost),
                    .sent = static_cast<unsigned>(std::max(sent, 0)),
                    .early = early_,
                    .took = now - first_at_};
  open(id, now);
  // What was lost may be on its way still.
  if (lost) first_.reset();
  phase_ = Phase::None;
}

std::optional<IdleCount> IdleMeter::take() noexcept { return std::exchange(done_, std::nullopt); }

}  // namespace trawl::control
