#include "control/survey/reply_intake.h"

namespace trawl::control {
namespace {

constexpr std::size_t kBatch = 4096;

Verdict to_verdict(const dataplane::Reply& reply, const TscClock& clock) {
  Verdict verdict{.time = clock.wall_time_at(reply.arrival),
                  .ip = Ipv4Address{reply.ip},
                  .port = reply.port,
                  .state = reply.state,
                  .reason = reply.reason,
                  .ttl = reply.ttl,
                  .rtt_us = {},
                  .attempt = reply.attempt,
                  .from = Ipv4Address{reply.from}};
  if (reply.rtt_us != dataplane::Reply::kNoRtt) verdict.rtt_us = reply.rtt_us;
  return verdict;
}

}  // namespace

ReplyIntake::ReplyIntake(const SweepPlanner& planner, dataplane::Scanner& scanner, ResultSink& sink,
                         ByteCount memory)
    : planner_{planner},
      scanner_{scanner},
      sink_{sink},
      ledger_{planner.config().space->size(), memory},
      batch_(kBatch) {
  verdicts_.reserve(kBatch);
}

Result<std::size_t> ReplyIntake::take_batch() {
  const std::size_t count = scanner_.take_replies(batch_);
  verdicts_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    if (accept(batch_[i])) verdicts_.push_back(to_verdict(batch_[i], scanner_.plan().clock));
  }
  if (!verdicts_.empty()) {
    if (auto written = sink_.write(verdicts_); !written) return Failure{written.error()};
  }
  return count;
}

// Counts the reply; true when it tells something new.
bool ReplyIntake::accept(const dataplane::Reply& reply) {
  const auto index = planner_.config().space->index_of({Ipv4Address{reply.ip}, reply.port});
  if (!index) {
    ++counts_.not_in_plan;
    return false;
  }
  if (!probed_already(*index)) {
    ++counts_.before_probe;
    return false;
  }
  ++counts_.replies;
  PortState before{};
  switch (ledger_.record(*index, reply.state, before)) {
    case ReplyLedger::Outcome::Duplicate: ++counts_.duplicates; return false;
    case ReplyLedger::Outcome::Improved: --counts_.found[static_cast<std::size_t>(before)]; break;
    case ReplyLedger::Outcome::First: answering_.add(Ipv4Address{reply.ip}); break;
  }
  ++counts_.found[static_cast<std::size_t>(reply.state)];
  return true;
}

// Once the first sweep is over, every target of ours was probed.
bool ReplyIntake::probed_already(std::uint64_t index) const {
  const SweepPlanner::Config& config = planner_.config();
  const std::uint64_t position = config.order.inverse(index);
  if (position < config.first || position >= config.last) return false;
  const bool first_sweep = scanner_.sweep().attempt == 1 && !scanner_.sweep().skip;
  return !first_sweep || scanner_.has_sent(position);
}

}  // namespace trawl::control
