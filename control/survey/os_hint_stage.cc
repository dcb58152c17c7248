#include "control/survey/os_hint_stage.h"

#include <algorithm>
#include <chrono>

namespace trawl::control {

OsHintStage::OsHintStage(OsHints& hints, const SweepPlanner& planner, dataplane::Scanner& scanner,
                         ResultSink& sink)
    : hints_{hints},
      planner_{planner},
      scanner_{scanner},
      sink_{sink},
      ports_{planner.config().space->ports().size()} {
  if (ports_ > 1) watch_.emplace(planner.config().space->addresses().size());
}

void OsHintStage::take(std::span<const dataplane::Reply> batch) {
  const auto is_syn_ack = [](const dataplane::Reply& reply) {
    return reply.reason == Reason::SynAck;
  };
  const auto wanted = static_cast<std::size_t>(std::ranges::count_if(batch, is_syn_ack));
  if (heads_.size() < wanted) heads_.resize(wanted);
  heads_taken_ = wanted > 0 ? scanner_.take_syn_acks({heads_.data(), wanted}) : 0;
  next_ = 0;
}

SystemHint OsHintStage::found(std::uint64_t index, const dataplane::Reply& reply,
                              const dataplane::SynAckHead& head) {
  const osfp::SynAckFacts facts = osfp::facts_of(head);
  if (watch_) {
    const std::chrono::microseconds arrival{scanner_.clock().microseconds_at(reply.arrival)};
    watch_->add(index / ports_, reply.port,
                std::chrono::duration_cast<std::chrono::milliseconds>(arrival), facts);
  }
  return hints_.count(facts);
}

SystemHint OsHintStage::restored(const Checkpoint::UnwrittenHint& hint) const noexcept {
  const SystemName* const name = hints_.name(hint.number, hint.digest);
  if (name == nullptr) return {};
  return {.name = name, .confidence = hint.confidence, .hops = hint.hops};
}

MachinesFact OsHintStage::fact_of(const MachineWatch::Finding& finding) const {
  MachinesFact fact{.time = std::chrono::system_clock::now(),
                    .ip = planner_.config().space->any_at(finding.place * ports_).ip,
                    .ports_left_out = finding.ports_left_out};
  for (const osfp::MachineGroup& group : finding.machines) {
    fact.machines.push_back({.ports = group.ports,
                             .ttl = group.facts.ttl,
                             .system = hints_.find(group.facts),
                             .evidence = group.explanation,
                             .is_certain = group.is_certain});
  }
  return fact;
}

Result<void> OsHintStage::finish() {
  if (!watch_) return {};
  constexpr std::size_t kBatch = 1024;
  Result<void> done;
  std::vector<MachinesFact> facts;
  const auto write = [&] {
    done = sink_.write_machines(facts);
    facts.clear();
    return done.has_value();
  };
  (void)watch_->tell([&](const MachineWatch::Finding& finding) {
    ++several_;
    facts.push_back(fact_of(finding));
    return facts.size() < kBatch || write();
  });
  if (done && !facts.empty()) (void)write();
  return done;
}

OsHintProgress OsHintStage::progress() const {
  return {.families = hints_.families(),
          .unknown = hints_.unknown(),
          .compared = watch_ ? watch_->compared() : 0,
          .several = several_,
          .left_out = watch_ ? watch_->left_out() : 0};
}

}  // namespace trawl::control
