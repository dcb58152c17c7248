#include "control/survey/reply_intake.h"

#include <fmt/format.h>

#include <array>
#include <span>

namespace trawl::control {
namespace {

constexpr std::size_t kBatch = 4096;
constexpr std::size_t kAhead = 32;  // Replies whose memory is fetched together.

// Our end of a probe follows from its target, so replies do not carry it.
void add_our_ends(const dataplane::Scanner& scanner, std::span<Verdict> verdicts) {
  std::array<dataplane::AnyTarget, 64> targets;
  std::array<dataplane::Scanner::OurEnd, 64> ends;
  while (!verdicts.empty()) {
    const std::size_t count = std::min(verdicts.size(), targets.size());
    for (std::size_t i = 0; i < count; ++i) targets[i] = {verdicts[i].ip, verdicts[i].port};
    scanner.our_ends({targets.data(), count}, {ends.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      verdicts[i].to = ends[i].ip;
      // Protocols without ports have none of ours either.
      const bool has_port = verdicts[i].protocol != Protocol::Icmp;
      verdicts[i].to_port = has_port ? ends[i].port : std::uint16_t{0};
    }
    verdicts = verdicts.subspan(count);
  }
}

Verdict to_verdict(const dataplane::Reply& reply, const dataplane::Scanner& scanner) {
  Verdict verdict{.time = scanner.clock().wall_time_at(reply.arrival),
                  .ip = reply.ip,
                  .port = reply.port,
                  .protocol = protocol_of(scanner.kind()),
                  .state = reply.state,
                  .reason = reply.reason,
                  .ttl = reply.ttl,
                  .rtt_us = {},
                  .attempt = reply.attempt,
                  .from = reply.from};
  if (reply.rtt_us != dataplane::Reply::kNoRtt) verdict.rtt_us = reply.rtt_us;
  return verdict;
}

}  // namespace

ReplyIntake::ReplyIntake(const SweepPlanner& planner, dataplane::Scanner& scanner, ResultSink& sink,
                         ByteCount memory, CheckpointKeeper* keeper)
    : planner_{planner},
      scanner_{scanner},
      sink_{sink},
      keeper_{keeper},
      needs_networks_{planner.config().retries == RetryMode::Responsive},
      ledger_{planner.config().space->size(), memory},
      batch_(kBatch) {
  verdicts_.reserve(kBatch);
}

// Captures first, the journal then, the other outputs last: what an output shows is known after any
// end, and what is known is in the captures. Replies whose frames could not be written are not
// known: a resumed survey asks again.
Result<std::size_t> ReplyIntake::take_batch() {
  const std::size_t count = scanner_.take_replies(batch_);
  const Result<void> captured = capture_ != nullptr ? capture_->take() : Result<void>{};
  if (!captured && keeper_ != nullptr) return Failure{captured.error()};
  if (os_hints_ != nullptr) os_hints_->take({batch_.data(), count});
  const bool all_sent = scanner_.sending_finished();
  verdicts_.clear();
  indexes_.clear();
  std::array<std::optional<std::uint64_t>, kAhead> places;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kAhead == 0) locate(std::span{batch_}.subspan(i, std::min(kAhead, count - i)), places);
    const dataplane::SynAckHead* head = nullptr;
    if (os_hints_ != nullptr && batch_[i].reason == Reason::SynAck) head = os_hints_->next_head();
    bool repeat = false;
    const auto index = accept(batch_[i], places[i % kAhead], repeat);
    if (!index) continue;
    const bool is_telling = batch_[i].state != PortState::Open || tell(*index, batch_[i]);
    const SystemHint system =
        head != nullptr ? os_hints_->found(*index, batch_[i], *head) : SystemHint{};
    if (!is_kept(batch_[i].state)) continue;
    verdicts_.push_back(to_verdict(batch_[i], scanner_));
    verdicts_.back().repeat = repeat;
    verdicts_.back().system = system;
    verdicts_.back().cooldown = all_sent;
    if (!is_telling) verdicts_.back().port_class = PortClass::Middlebox;
    indexes_.push_back(*index);
  }
  if (verdicts_.empty()) {
    if (!captured) return Failure{captured.error()};
    return count;
  }
  add_our_ends(scanner_, verdicts_);
  const Result<void> noted = record_in_journal();
  if (auto written = sink_.write(verdicts_); !written) return Failure{written.error()};
  if (!noted) return Failure{noted.error()};
  if (!captured) return Failure{captured.error()};
  return count;
}

bool ReplyIntake::tell(std::uint64_t index, const dataplane::Reply& reply) {
  if (stage_ != nullptr && !stage_->found(index, reply.ip, reply.port)) return false;
  if (handoff_ != nullptr) {
    handoff_->found({.ip = reply.ip,
                     .index = index,
                     .port = reply.port,
                     .protocol = protocol_of(scanner_.kind())});
  }
  return true;
}

// All of them, even after a failure; returns the first.
Result<void> ReplyIntake::record_in_journal() {
  Result<void> first;
  if (keeper_ == nullptr) return first;
  for (std::size_t i = 0; i < verdicts_.size(); ++i) {
    if (auto done = keeper_->record(indexes_[i], verdicts_[i]); !done && first) first = done;
  }
  return first;
}

Result<void> ReplyIntake::restore(Checkpoint& checkpoint, const std::function<void()>& at_sweep) {
  const Checkpoint::Restored& restored = checkpoint.restored();
  const auto& space = *planner_.config().space;
  for (std::uint64_t number = 0; number <= restored.journal; ++number) {
    if (number == restored.sweep_journal) at_sweep();
    if (number == restored.journal) break;
    const auto entry = checkpoint.entry(number);
    if (!entry) return Failure{entry.error()};
    if (entry->index >= space.size()) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}: entry {} of the journal names no target of this plan; the "
                              "checkpoint was changed and cannot be resumed",
                              checkpoint.path(), number));
    }
    if (entry->is_answer) continue;
    note(entry->index, space.any_at(entry->index).ip, entry->state);
  }
  counts_.replies = restored.totals.replies;
  counts_.duplicates = restored.totals.duplicates;
  for (std::uint64_t number = restored.outputs.journal; number < restored.journal; ++number) {
    const auto entry = checkpoint.entry(number);
    if (!entry) return Failure{entry.error()};
    if (entry->is_answer) continue;
    Verdict verdict = checkpoint.unwritten(number);
    if (const auto hint = checkpoint.unwritten_hint(number); hint && os_hints_ != nullptr) {
      verdict.system = os_hints_->restored(*hint);
    }
    if (auto written = sink_.write({&verdict, 1}); !written) return written;
  }
  return {};
}

// The index of each target, with what accept() will touch of it on its way from memory.
void ReplyIntake::locate(std::span<const dataplane::Reply> replies,
                         std::span<std::optional<std::uint64_t>> places) const {
  const auto& space = *planner_.config().space;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    places[i] = space.index_of_any({replies[i].ip, replies[i].port});
    if (!places[i]) continue;
    ledger_.prefetch(*places[i]);
    if (os_hints_ != nullptr) os_hints_->prefetch(*places[i]);
    if (needs_networks_) answering_.prefetch(replies[i].ip);
  }
}

// Counts the reply.
std::optional<std::uint64_t> ReplyIntake::accept(const dataplane::Reply& reply,
                                                 std::optional<std::uint64_t> index, bool& repeat) {
  if (!index) {
    if (stage_ == nullptr || !stage_->outside(reply)) ++counts_.not_in_plan;
    return std::nullopt;
  }
  if (!probed_already(*index)) {
    ++counts_.before_probe;
    return std::nullopt;
  }
  // Its target is known; only whether it came, and how soon, is news.
  if (reply.attempt == dataplane::ProbeStamp::kSentinelAttempt && ledger_.knows(*index)) {
    ++counts_.sentinels;
    if (auto_rate_ != nullptr) auto_rate_->sentinel_answered(reply);
    return std::nullopt;
  }
  ++counts_.replies;
  PortState before{};
  switch (ledger_.record(*index, reply.state, before)) {
    case ReplyLedger::Outcome::Duplicate: ++counts_.duplicates; return std::nullopt;
    case ReplyLedger::Outcome::Improved:
      --counts_.found[static_cast<std::size_t>(before)];
      repeat = true;
      break;
    case ReplyLedger::Outcome::First:
      if (needs_networks_) answering_.add(reply.ip);
      if (auto_rate_ != nullptr) auto_rate_->found(reply);
      break;
  }
  ++counts_.found[static_cast<std::size_t>(reply.state)];
  return index;
}

// As accept(), of an entry of a journal.
void ReplyIntake::note(std::uint64_t index, const IpAddress& ip, PortState state) {
  PortState before{};
  const auto outcome = ledger_.record(index, state, before);
  if (outcome == ReplyLedger::Outcome::Duplicate) return;
  if (outcome == ReplyLedger::Outcome::Improved) --counts_.found[static_cast<std::size_t>(before)];
  if (needs_networks_) answering_.add(ip);
  ++counts_.found[static_cast<std::size_t>(state)];
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
