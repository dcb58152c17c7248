#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/survey/rate_decision.h"

namespace trawl::control {

// What was asked for, sent and found in a stretch of a survey.
struct RatePoint {
  std::chrono::nanoseconds start{0};  // Since the survey began.
  std::chrono::nanoseconds length{0};
  double asked = 0.0;      // Packets/s, the mean of the stretch; negative where there was no limit.
  std::uint64_t sent = 0;  // Packets.
  std::uint64_t found = 0;           // Targets that are what the survey looks for.
  std::optional<RateReason> reason;  // Of the last change of the rate, where it changed.

  // Packets/s.
  [[nodiscard]] double rate() const noexcept;
};

// The course of a survey in a bounded number of points: as it grows longer, neighbours are merged
// and each point stands for twice the time.
//
// Thread: one user.
class RateHistory {
 public:
  static constexpr std::size_t kMost = 64;

  // Needs points in the order of time.
  void add(const RatePoint& point);
  // What was found while nothing was sent belongs to the last point.
  void add_found(std::uint64_t found);
  [[nodiscard]] std::span<const RatePoint> points() const noexcept { return points_; }

 private:
  std::vector<RatePoint> points_;
  std::chrono::nanoseconds span_{0};  // A point shorter than this takes up the next one.
};

// A JSON array of objects on one line, without line feed.
[[nodiscard]] std::string format_history_json(std::span<const RatePoint> points);
// "1.00K 2.00K 38.1K p/s" in at most kMostWords words, "" for fewer than two points.
inline constexpr std::size_t kMostHistoryWords = 12;
[[nodiscard]] std::string format_history(std::span<const RatePoint> points);

}  // namespace trawl::control
