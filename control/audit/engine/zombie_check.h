#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "control/audit/engine/ip_id.h"
#include "control/audit/engine/rtt_estimator.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// Finds out how a zombie numbers its packets: asks it several times, a moment apart, and again for
// what got no answer. It has neither a clock nor a socket.
class ZombieCheck {
 public:
  ZombieCheck() noexcept;

  // The number of a question to send now; nullopt when none is due.
  [[nodiscard]] std::optional<std::uint32_t> next(Moment now) noexcept;
  void answered(std::uint32_t question, std::uint16_t id, Moment now);
  // When next() has news though no answer came.
  [[nodiscard]] Moment wake() const noexcept { return wake_; }

  [[nodiscard]] bool is_done() const noexcept { return is_done_; }
  [[nodiscard]] std::size_t answers() const noexcept { return ids_.size(); }
  [[nodiscard]] std::uint32_t questions() const noexcept { return asked_; }
  [[nodiscard]] IpIdClass found() const;
  [[nodiscard]] const RttEstimator& rtt() const noexcept { return rtt_; }

 private:
  std::map<std::uint32_t, Moment> waiting_;     // Questions without an answer.
  std::map<std::uint32_t, std::uint16_t> ids_;  // Answers by question.
  RttEstimator rtt_;
  std::uint32_t asked_ = 0;
  Moment wake_{0};
  bool is_done_ = false;
};

// How long zombies are waited for, and by which numbers.
[[nodiscard]] Timing zombie_timing() noexcept;

}  // namespace trawl::control
