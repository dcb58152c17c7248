#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "control/survey/proportion.h"
#include "control/survey/rate_decision.h"

namespace trawl::control {

// A re-probe of a host that is known to be open.
struct SentinelProbe {
  std::uint32_t host = 0;  // Any number that stays with the host.
  SurveyTime sent{0};
};

struct SentinelReply {
  std::uint32_t host = 0;
  SurveyTime sent{0};  // Of the probe it answers.
  std::chrono::nanoseconds rtt{0};
};

// New replies to ordinary probes that left at one time.
struct TimedHits {
  SurveyTime sent{0};
  std::chrono::nanoseconds rtt{0};
  double count = 1.0;
};

// What was sent in one interval at one rate, and what came of it.
struct SentInterval {
  SurveyTime begin{0};
  SurveyTime end{0};
  std::uint32_t trial = 0;  // Counts the rates tried.
  double probes = 0.0;
  double hits = 0.0;  // New replies to those probes.
  Counted sentinels;  // Lost of sent; meaningful once the interval is over.
};

// Matches sentinel replies with the intervals their probes were sent in, and says of each interval,
// once no more replies are to be expected, how many were lost. How long that is follows the round
// trips seen, so it grows with a queue on the path.
//
// Thread: one user.
class SentinelLoss {
 public:
  // Needs intervals that follow each other.
  void begin_interval(SurveyTime begin, SurveyTime end, std::uint32_t trial, double probes);
  void sent(std::span<const SentinelProbe> probes);
  // Replies to intervals that are over are late and count as lost.
  void answered(std::span<const SentinelReply> replies, SurveyTime now);
  // New replies, each to a probe whose time is known; those to intervals that are over do not
  // count.
  void hits(std::span<const TimedHits> hits);
  // New replies that came in at `now` to probes that left about one `rtt` before.
  void hits(double count, std::optional<std::chrono::nanoseconds> rtt, SurveyTime now);

  // The oldest interval if it is over: complete, or older than the timeout.
  [[nodiscard]] std::optional<SentInterval> take_over(SurveyTime now);
  [[nodiscard]] bool empty() const noexcept { return intervals_.empty(); }

  // After which a sentinel counts as lost: above nearly all round trips of the last seconds.
  [[nodiscard]] std::chrono::nanoseconds timeout() const noexcept { return timeout_; }
  // What a queue adds to the round trips of the probes of `trial`: the lower quartile, over
  // sentinels, of the time above each host's shortest. Zero when too few answered.
  [[nodiscard]] std::chrono::nanoseconds queue_delay(std::uint32_t trial) const;
  [[nodiscard]] std::chrono::nanoseconds typical_rtt() const noexcept { return typical_rtt_; }

 private:
  // Round trips on a logarithmic scale, twelve steps to each doubling, from 1 us to over a minute.
  static constexpr std::size_t kSteps = 320;
  struct Histogram {
    std::array<std::uint32_t, kSteps> counts{};
    std::uint32_t total = 0;
  };
  struct Host {
    float shortest_us = 0.0F;
    std::uint32_t replies = 0;
  };
  struct Pending {
    SentInterval interval;
    double answered = 0.0;
  };
  struct Delay {
    std::uint32_t trial;
    float queue_us;
  };

  [[nodiscard]] Pending* find(SurveyTime sent) noexcept;
  void note_rtt(std::chrono::nanoseconds rtt) noexcept;
  void note_host(const SentinelReply& reply, std::uint32_t trial);
  void update_timeout(SurveyTime now);
  [[nodiscard]] double rtt_us_at(double share) const noexcept;

  std::deque<Pending> intervals_;
  std::unordered_map<std::uint32_t, Host> hosts_;
  std::deque<Delay> delays_;         // The latest.
  std::array<Histogram, 2> rtts_;    // This second and the last one with replies.
  std::uint32_t known_replies_ = 0;  // The most there were in the two.
  std::uint64_t sentinel_replies_ = 0;
  std::optional<SurveyTime> begun_;
  SurveyTime next_turn_{0};
  std::chrono::nanoseconds timeout_ = std::chrono::seconds{1};
  std::chrono::nanoseconds typical_rtt_ = std::chrono::milliseconds{200};
  std::chrono::nanoseconds nearly_all_rtt_ = std::chrono::milliseconds{200};
};

}  // namespace trawl::control
