#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/survey/sentinel_loss.h"
#include "dataplane/reply.h"
#include "dataplane/target.h"

namespace trawl::control {

// Sentinels: targets found open that are asked again, now and then, to learn how many probes get
// lost. At most one in each /24, of IPv6 /64, since what limits replies often stands before a whole
// network, and each at most once a second. One that misses far more often than the others is let
// go: it says something of itself and not of the path.
//
// Thread: one user. Time comes in as an argument.
class SentinelPool {
 public:
  static constexpr std::size_t kMost = 4096;

  // A target that was found open and echoes time stamps. Once there are kMost, no more are taken:
  // the order of targets is random, so the first are as good a sample as any, and one that makes
  // room while its probe is on the way would count as lost.
  void offer(dataplane::AnyTarget target);
  [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }

  // The next one to ask at `now`, nullopt when none is due; it counts as asked.
  [[nodiscard]] std::optional<dataplane::AnyTarget> next(SurveyTime now);
  // The one that next() named last could not be asked: it does not count, and rests. Needs one
  // since clear().
  void take_back() noexcept;
  // A reply, which took `rtt`, to the probe that left at `sent`; false when it is no sentinel's.
  bool answered(dataplane::AnyTarget target, SurveyTime sent, std::chrono::nanoseconds rtt);

  // What happened since clear().
  [[nodiscard]] std::span<const SentinelProbe> asked() const noexcept { return asked_; }
  [[nodiscard]] std::span<const SentinelReply> replies() const noexcept { return replies_; }
  void clear() noexcept;

 private:
  struct Host {
    dataplane::AnyTarget target;
    std::uint32_t number = 0;
    SurveyTime last_asked{-kRest};
    std::uint32_t asked = 0;
    std::uint32_t answered = 0;
  };
  static constexpr SurveyTime kRest = std::chrono::seconds{1};

  struct Hash {
    std::size_t operator()(const dataplane::AnyTarget& target) const noexcept;
  };
  [[nodiscard]] bool misses_too_often(const Host& host) const noexcept;
  void remove(std::size_t at);

  std::vector<Host> hosts_;
  std::unordered_map<dataplane::AnyTarget, std::size_t, Hash> place_;  // Of a target in hosts_.
  std::unordered_set<std::uint64_t> networks_;
  std::vector<SentinelProbe> asked_;
  std::vector<SentinelReply> replies_;
  std::size_t turn_ = 0;
  std::uint64_t asked_in_all_ = 0;
  std::uint64_t answered_in_all_ = 0;
  std::uint32_t next_number_ = 0;
};

}  // namespace trawl::control
