#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace trawl::simnet {

// From `at` on, counted from the first packet, a bottleneck has this capacity.
struct CapacityStep {
  std::chrono::nanoseconds at{0};
  double per_second = 0;
  bool counts_bits = false;
};

// A slow piece of the path with a queue in front of it. Counts packets, or bits on the wire; the
// queue and the burst are in packets or in bytes then.
struct BottleneckOptions {
  double per_second = 0;  // 0: there is none.
  bool counts_bits = false;
  double queue = 0;
  double burst = 0;
  std::vector<CapacityStep> steps = {};  // In rising order.
  [[nodiscard]] bool is_present() const noexcept { return per_second > 0; }
};

// Gilbert's and Elliott's model: a path is good or bad, changes at random moments and loses a share
// of the packets in either state.
struct BurstLossOptions {
  double mean = 0;                        // Share lost over a long time; 0: no such loss.
  std::chrono::nanoseconds bad_spell{0};  // A bad spell lasts as long on average.
  double lost_when_bad = 1;
  double lost_when_good = 0;
  bool is_one_chain = false;  // One state for the whole path instead of one for each /24.
  [[nodiscard]] bool is_present() const noexcept { return mean > 0; }
  // Share of the time that is bad.
  [[nodiscard]] double bad_share() const noexcept {
    return (mean - lost_when_good) / (lost_when_bad - lost_when_good);
  }
};

// What happens to packets on their way to the hosts, or back.
struct WayOptions {
  double loss = 0;  // Share lost, each packet by itself.
  BurstLossOptions bursts;
  BottleneckOptions bottleneck;
};

// At most so many replies a second of each /24, and so many at once.
struct NetworkRateOptions {
  PacketsPerSecond rate = PacketsPerSecond::unlimited();
  double burst = 1;
};

// A share of the live hosts repeats each SYN-ACK, up to `most` times.
struct StormOptions {
  double share = 0;
  unsigned most = 0;
  std::chrono::nanoseconds spacing{0};
  // Storms and late answers under way at once; what comes on top is not started.
  std::size_t timers = std::size_t{1} << 20U;
};

// A share of the open ports resets first and accepts this much later.
struct ResetFirstOptions {
  double share = 0;
  std::chrono::nanoseconds earliest{0};
  std::chrono::nanoseconds latest{0};
};

// "RATE[,queue=N][,burst=N]", with the defaults filled in.
[[nodiscard]] Result<void> set_bottleneck(BottleneckOptions& options, std::string_view text);
// "TIME:RATE,...".
[[nodiscard]] Result<void> set_steps(BottleneckOptions& options, std::string_view text);
// "MEAN,SPELL[,bad=SHARE][,good=SHARE][,path]".
[[nodiscard]] Result<void> set_bursts(BurstLossOptions& options, std::string_view text);
// "PPS[,burst=N]".
[[nodiscard]] Result<void> set_network_rate(NetworkRateOptions& options, std::string_view text);
// "SHARE,COUNT[,SPACING]".
[[nodiscard]] Result<void> set_storm(StormOptions& options, std::string_view text);
// "SHARE[,MIN-MAX]", times in milliseconds.
[[nodiscard]] Result<void> set_reset_first(ResetFirstOptions& options, std::string_view text);

// What only all options of a way together can tell. `way` is "in" or "out", as the options end.
[[nodiscard]] Result<void> check_way(const WayOptions& options, std::string_view way);

}  // namespace trawl::simnet
