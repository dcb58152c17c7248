#pragma once

#include <span>

#include "base/machines_fact.h"
#include "base/network_fact.h"
#include "base/result.h"
#include "base/service_fact.h"
#include "base/verdict.h"

namespace trawl {

// Where verdicts go: a file, a database, a peer.
//
// Every failure is an Error with ExitCode::Output; what was taken before it stays valid and whole.
// Thread: one caller.
class ResultSink {
 public:
  virtual ~ResultSink() = default;

  // Whether write() might keep verdicts of this state; one that it would drop need not be made.
  // Always the same answer.
  [[nodiscard]] virtual bool takes(PortState state) const noexcept {
    static_cast<void>(state);
    return true;
  }
  // Takes the verdicts, in this order. May hold them in memory until flush().
  [[nodiscard]] virtual Result<void> write(std::span<const Verdict> verdicts) = 0;
  // Likewise of facts about open ports. A sink without a place for them leaves them out.
  [[nodiscard]] virtual Result<void> write_facts(std::span<const ServiceFact> facts) {
    static_cast<void>(facts);
    return {};
  }
  // Likewise of networks that answer everything.
  [[nodiscard]] virtual Result<void> write_networks(std::span<const NetworkFact> facts) {
    static_cast<void>(facts);
    return {};
  }
  // Likewise of addresses that several machines answer for.
  [[nodiscard]] virtual Result<void> write_machines(std::span<const MachinesFact> facts) {
    static_cast<void>(facts);
    return {};
  }
  // Hands everything taken so far to the operating system; call at least once a second, so that a
  // killed process loses no more than that.
  [[nodiscard]] virtual Result<void> flush() = 0;
  // Flushes and makes it last. Nothing may be written afterwards.
  [[nodiscard]] virtual Result<void> close() = 0;
};

}  // namespace trawl
