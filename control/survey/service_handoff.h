#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/banners/port_census.h"
#include "control/pipeline/service_tier.h"
#include "control/survey/status.h"

namespace trawl::control {

class CheckpointKeeper;

// Hands every port that a survey finds open to the service tier, and what that finds out to the
// outputs.
//
// Memory is bounded whatever is open: the rings of the tier, and one batch of replies whose ports
// found them full. When a ring is half full the senders are held, so that there is room for what is
// on its way; when one is full no replies are taken any more, and the reply ring slows the rest.
// While ports come no faster than they are asked, nothing waits for anything.
//
// Thread: the control thread.
class ServiceHandoff {
 public:
  using Clock = std::chrono::steady_clock;

  struct Parts {
    ServiceTier& tier;
    ResultSink& sink;
    std::function<void(bool)> hold;      // Of the senders.
    PortCensus* census = nullptr;        // Is told of each answer; may leave it out.
    CheckpointKeeper* keeper = nullptr;  // Notes which ports were answered, where there is one.
    bool tells_services = true;          // False where hosts alone are asked what they are.
  };
  explicit ServiceHandoff(Parts parts) : parts_{std::move(parts)} {}

  // Ports that a process before this one found open, one a call; nullopt at the end.
  using Backlog = std::function<Result<std::optional<OpenPort>>()>;
  // They are asked when there is room; `count` of them. `answered` is what that process did.
  void resume(Backlog backlog, std::uint64_t count, std::uint64_t answered);

  // A target that was found open, once for each.
  void found(const OpenPort& port);
  // Whether more replies may be taken.
  [[nodiscard]] bool has_room() const noexcept { return overflow_.empty(); }
  // Moves ports on and writes the facts that came; true when there was something to do. Fails with
  // Output, and with BadInput where the backlog is damaged.
  [[nodiscard]] Result<bool> turn(Clock::time_point now);
  // Ports found from now on, and what waits outside the tier, are left: a resumed survey asks them.
  void close() noexcept { is_closed_ = true; }

  // Ports that were found open and not answered.
  [[nodiscard]] std::uint64_t waiting() const noexcept;
  [[nodiscard]] bool is_held() const noexcept { return held_since_.has_value(); }
  [[nodiscard]] ServiceProgress progress(Clock::time_point now);
  void block(const AddressList& blocked, const AddressList& skipped) {
    parts_.tier.block(blocked, skipped);
  }

 private:
  [[nodiscard]] Result<bool> offer_backlog();
  [[nodiscard]] bool offer_overflow();
  [[nodiscard]] Result<bool> take_facts();
  void tell(PortAnswer& answer);
  void decide_hold(Clock::time_point now);

  Parts parts_;
  Backlog backlog_;
  std::uint64_t backlog_left_ = 0;
  std::optional<OpenPort> next_of_backlog_;  // Found no room.
  std::vector<OpenPort> overflow_;           // Likewise; at most a batch of replies.
  std::vector<PortAnswer> answers_;
  std::vector<ServiceFact> facts_;
  bool is_closed_ = false;
  std::optional<Clock::time_point> held_since_;
  std::chrono::nanoseconds held_{0};  // Before `held_since_`.
  std::uint64_t found_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t identified_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t hosts_ = 0;         // Whose systems were looked for...
  std::uint64_t systems_ = 0;       // ...and have a name.
  Clock::time_point rate_since_{};  // The last whole second of answers.
  std::uint64_t rate_from_ = 0;
  double rate_ = 0.0;
};

}  // namespace trawl::control
