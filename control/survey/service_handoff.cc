#include "control/survey/service_handoff.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/survey/checkpoint/checkpoint_keeper.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

// Senders are held from the one on, and let go below the other: what is on its way when they stop
// has the rest of the ring.
constexpr double kHold = 0.5;
constexpr double kRelease = 0.375;
constexpr double kBacklog = 0.25;  // Ports found before come second to those found now.
constexpr std::size_t kBacklogBatch = 1024;
constexpr std::size_t kAnswers = 256;

}  // namespace

void ServiceHandoff::resume(Backlog backlog, std::uint64_t count, std::uint64_t answered) {
  backlog_ = std::move(backlog);
  backlog_left_ = count;
  found_ = count + answered;
  answered_ = answered;
  rate_from_ = answered;
}

void ServiceHandoff::found(const OpenPort& port) {
  ++found_;
  if (is_closed_) return;
  // In their order, behind those that found no room.
  if (overflow_.empty() && parts_.tier.offer(port)) return;
  overflow_.push_back(port);
}

bool ServiceHandoff::offer_overflow() {
  std::size_t kept = 0;
  for (const OpenPort& port : overflow_) {
    if (!parts_.tier.offer(port)) overflow_[kept++] = port;
  }
  const bool moved = kept < overflow_.size();
  overflow_.resize(kept);
  return moved;
}

Result<bool> ServiceHandoff::offer_backlog() {
  bool moved = false;
  for (std::size_t i = 0; i < kBacklogBatch && backlog_left_ > 0; ++i) {
    if (i % 64 == 0 && parts_.tier.fullness() > kBacklog) break;
    if (!next_of_backlog_) {
      auto next = backlog_();
      if (!next) return Failure{next.error()};
      next_of_backlog_ = *next;
      if (!next_of_backlog_) {
        backlog_left_ = 0;
        break;
      }
    }
    if (!parts_.tier.offer(*next_of_backlog_)) break;
    next_of_backlog_.reset();
    --backlog_left_;
    moved = true;
  }
  return moved;
}

// What the answer says of the port, and of its host.
void ServiceHandoff::tell(PortAnswer& answer) {
  if (answer.host) {
    ++hosts_;
    if (!answer.host->systems.empty()) ++systems_;
    facts_.push_back(*answer.host);
  }
  if (!parts_.tells_services) {
    if (answer.fact.trouble.empty()) return;
    answer.fact.source = ServiceFact::Source::Os;
    answer.fact.port_class = PortClass::Unknown;
  } else if (parts_.census != nullptr && !parts_.census->judge(answer.index, answer.fact)) {
    return;
  }
  const bool is_known =
      answer.fact.port_class == PortClass::Service && !answer.fact.service.empty();
  if (is_known) ++identified_;
  if (!answer.fact.trouble.empty()) ++failed_;
  facts_.push_back(std::move(answer.fact));
}

// The journal first, as for verdicts: a fact that is noted there counts as known only when the
// outputs were flushed since, and until then its port is asked again by whoever goes on.
Result<bool> ServiceHandoff::take_facts() {
  answers_.resize(kAnswers);
  const std::size_t count = parts_.tier.take(answers_);
  if (count == 0) return false;
  facts_.clear();
  Result<void> noted;
  for (PortAnswer& answer : std::span{answers_}.first(count)) {
    if (parts_.keeper != nullptr) {
      if (auto done = parts_.keeper->record_answer(answer.index); !done && noted) noted = done;
    }
    ++answered_;
    tell(answer);
  }
  if (auto written = parts_.sink.write_facts(facts_); !written) return Failure{written.error()};
  if (!noted) return Failure{noted.error()};
  return true;
}

void ServiceHandoff::decide_hold(Clock::time_point now) {
  const double fullness = parts_.tier.fullness();
  if (!held_since_ && (fullness >= kHold || !overflow_.empty())) {
    held_since_ = now;
    parts_.hold(true);
  } else if (held_since_ && fullness < kRelease && overflow_.empty()) {
    held_ += now - *held_since_;
    held_since_.reset();
    parts_.hold(false);
  }
}

Result<bool> ServiceHandoff::turn(Clock::time_point now) {
  bool moved = false;
  if (!is_closed_) {
    moved = offer_overflow();
    const auto offered = offer_backlog();
    if (!offered) return offered;
    moved |= *offered;
  }
  const auto taken = take_facts();
  parts_.tier.wake();
  for (const std::string& text : parts_.tier.take_warnings()) log_warning("{}", printable(text));
  if (!taken) return taken;
  decide_hold(now);
  return moved || *taken;
}

std::uint64_t ServiceHandoff::waiting() const noexcept { return found_ - answered_; }

ServiceProgress ServiceHandoff::progress(Clock::time_point now) {
  if (rate_since_ == Clock::time_point{}) rate_since_ = now;
  if (const auto passed = now - rate_since_; passed >= 1s) {
    rate_ =
        static_cast<double>(answered_ - rate_from_) / std::chrono::duration<double>(passed).count();
    rate_since_ = now;
    rate_from_ = answered_;
  }
  return {.found = found_,
          .answered = answered_,
          .identified = identified_,
          .failed = failed_,
          .hosts = hosts_,
          .systems = systems_,
          .waiting = waiting(),
          .per_second = rate_,
          .holds = is_held(),
          .held = held_ + (held_since_ ? now - *held_since_ : Clock::duration{0})};
}

}  // namespace trawl::control
