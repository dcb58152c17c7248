#include "bench/simnet/path_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/simnet/option_values.h"

namespace trawl::simnet {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kLongestQueue{60};
constexpr double kMostQueued = 1e9;

// Reads a comma list from its front.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : rest_{text} {}

  // The next piece; "" when none is left.
  std::string_view take() {
    const std::size_t comma = rest_.find(',');
    const std::string_view piece = trim(rest_.substr(0, comma));
    is_empty_ = comma == std::string_view::npos;
    rest_ = is_empty_ ? std::string_view{} : rest_.substr(comma + 1);
    return piece;
  }
  [[nodiscard]] bool empty() const { return is_empty_; }
  // Calls `use` with each piece that is left.
  template <typename Use>
  Result<void> each_left(Use use) {
    while (!is_empty_) {
      if (Result<void> used = use(take()); !used) return used;
    }
    return {};
  }

 private:
  std::string_view rest_;
  bool is_empty_ = false;
};

Result<void> set_amount(double& into, std::string_view text, double least) {
  const auto value = parse_number<double>(text);
  if (!value || !(*value >= least) || !(*value <= kMostQueued)) {
    return bad(fmt::format("'{}' is not a number from {:.0f} to 10^9", shown(text), least));
  }
  into = *value;
  return {};
}

}  // namespace

Result<void> set_bottleneck(BottleneckOptions& options, std::string_view text) {
  Pieces pieces{text};
  constexpr double kQueuePackets = 1000;
  constexpr double kQueueBytes = 1'500'000;
  constexpr double kLargestFrame = 1538;  // On the wire, with preamble and gap.
  const auto capacity = parse_capacity(pieces.take());
  if (!capacity) return tl::unexpected{capacity.error()};
  options.per_second = capacity->per_second;
  options.counts_bits = capacity->counts_bits;
  options.queue = capacity->counts_bits ? kQueueBytes : kQueuePackets;
  options.burst = capacity->counts_bits ? kLargestFrame : 1;
  return pieces.each_left([&](std::string_view piece) -> Result<void> {
    const auto pair = split_pair(piece);
    if (pair && pair->key == "queue") return set_amount(options.queue, pair->value, 0);
    if (pair && pair->key == "burst") {
      return set_amount(options.burst, pair->value, options.counts_bits ? kLargestFrame : 1);
    }
    return bad(fmt::format("'{}' is neither queue=N nor burst=N", shown(piece)));
  });
}

Result<void> set_steps(BottleneckOptions& options, std::string_view text) {
  std::vector<CapacityStep> steps;
  const auto parsed = each_piece(text, [&](std::string_view piece) -> Result<void> {
    const auto pair = split_pair(piece, ':');
    if (!pair) return bad(fmt::format("'{}' is not TIME:RATE, like 5s:200k", shown(piece)));
    const auto at = parse_time(pair->key);
    if (!at) return tl::unexpected{at.error()};
    const auto capacity = parse_capacity(pair->value);
    if (!capacity) return tl::unexpected{capacity.error()};
    if (at->count() == 0 || (!steps.empty() && *at <= steps.back().at)) {
      return bad(fmt::format("the step at {} does not come after the one before", shown(piece)));
    }
    steps.push_back({*at, capacity->per_second, capacity->counts_bits});
    return {};
  });
  if (parsed) options.steps = std::move(steps);
  return parsed;
}

Result<void> set_bursts(BurstLossOptions& options, std::string_view text) {
  Pieces pieces{text};
  BurstLossOptions read;
  if (auto mean = store(parse_share(pieces.take()), read.mean); !mean) return mean;
  if (auto spell = store(parse_time(pieces.take()), read.bad_spell); !spell) return spell;
  const auto rest = pieces.each_left([&](std::string_view piece) -> Result<void> {
    const auto pair = split_pair(piece);
    if (piece == "path") {
      read.is_one_chain = true;
      return {};
    }
    if (pair && pair->key == "bad") return store(parse_share(pair->value), read.lost_when_bad);
    if (pair && pair->key == "good") return store(parse_share(pair->value), read.lost_when_good);
    return bad(fmt::format("'{}' is none of bad=SHARE, good=SHARE and path", shown(piece)));
  });
  if (!rest) return rest;
  // Shorter spells would mean thousands of changes to catch up with after a pause.
  if (read.bad_spell < std::chrono::milliseconds{1}) {
    return bad("a bad spell cannot be shorter than 1ms; for such loss use a plain share");
  }
  if (read.mean > 0 && !(read.lost_when_good < read.mean && read.mean < read.lost_when_bad)) {
    return bad(fmt::format("a mean loss of {} does not lie between {} (good) and {} (bad)",
                           read.mean, read.lost_when_good, read.lost_when_bad));
  }
  options = read;
  return {};
}

Result<void> set_network_rate(NetworkRateOptions& options, std::string_view text) {
  Pieces pieces{text};
  if (auto rate = store(parse_rate(pieces.take()), options.rate); !rate) return rate;
  return pieces.each_left([&](std::string_view piece) -> Result<void> {
    const auto pair = split_pair(piece);
    if (pair && pair->key == "burst") return set_amount(options.burst, pair->value, 1);
    return bad(fmt::format("'{}' is not burst=N", shown(piece)));
  });
}

Result<void> set_storm(StormOptions& options, std::string_view text) {
  Pieces pieces{text};
  constexpr std::uint64_t kMostRepeats = 1'000'000;
  StormOptions read{.spacing = std::chrono::milliseconds{1}};
  if (auto share = store(parse_share(pieces.take()), read.share); !share) return share;
  const auto most = parse_whole(pieces.take(), 1, kMostRepeats);
  if (!most) return tl::unexpected{most.error()};
  read.most = static_cast<unsigned>(*most);
  if (!pieces.empty()) {
    if (auto spacing = store(parse_time(pieces.take()), read.spacing); !spacing) return spacing;
  }
  if (!pieces.empty()) return bad(fmt::format("'{}' is more than SHARE,COUNT,TIME", shown(text)));
  options = read;
  return {};
}

Result<void> set_reset_first(ResetFirstOptions& options, std::string_view text) {
  Pieces pieces{text};
  constexpr double kMostMs = 60'000;
  constexpr double kNanosecondsPerMs = 1e6;
  double share = 0;
  if (auto read = store(parse_share(pieces.take()), share); !read) return read;
  const std::string_view times = pieces.empty() ? "1-50" : pieces.take();
  const auto pair = split_pair(times, '-');
  const auto low = parse_number<double>(pair ? pair->key : times);
  const auto high = pair ? parse_number<double>(pair->value) : low;
  if (!low || !high || !(*low > 0) || !(*high >= *low) || !(*high <= kMostMs)) {
    return bad(fmt::format("'{}' is not a time above 0 or a rising MIN-MAX in milliseconds",
                           shown(times)));
  }
  if (!pieces.empty()) return bad(fmt::format("'{}' is more than SHARE,MIN-MAX", shown(text)));
  options = {share, nanoseconds{static_cast<std::int64_t>(*low * kNanosecondsPerMs)},
             nanoseconds{static_cast<std::int64_t>(*high * kNanosecondsPerMs)}};
  return {};
}

Result<void> check_way(const WayOptions& options, std::string_view way) {
  const BottleneckOptions& bottleneck = options.bottleneck;
  if (!bottleneck.is_present()) {
    if (bottleneck.steps.empty()) return {};
    return bad(fmt::format("--steps-{0} needs --bottleneck-{0}", way));
  }
  double slowest = bottleneck.per_second;
  for (const CapacityStep& step : bottleneck.steps) {
    if (step.counts_bits != bottleneck.counts_bits) {
      return bad(
          fmt::format("--steps-{0} and --bottleneck-{0} count one in packets and the other "
                      "in bits; give both the same unit",
                      way));
    }
    slowest = std::min(slowest, step.per_second);
  }
  const double queued = bottleneck.queue * (bottleneck.counts_bits ? 8 : 1);
  if (queued / slowest > static_cast<double>(kLongestQueue.count())) {
    return bad(fmt::format(
        "--bottleneck-{}: a full queue would take {:.0f} s at the lowest rate; at most {} may pass",
        way, queued / slowest, kLongestQueue.count()));
  }
  return {};
}

}  // namespace trawl::simnet
