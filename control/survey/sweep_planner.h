#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "control/survey/reply_ledger.h"
#include "control/survey/reserved_memory.h"
#include "control/survey/retry_mode.h"
#include "dataplane/sweep.h"

namespace trawl::control {

// The /24s in which something answered; of IPv6 the /64s, which are what a link has there.
class AnsweringNetworks {
 public:
  // Throws std::bad_alloc.
  AnsweringNetworks() { memory_.prefer_large_pages(); }
  AnsweringNetworks(const AnsweringNetworks&) = delete;
  AnsweringNetworks& operator=(const AnsweringNetworks&) = delete;

  void add(const IpAddress& address) {
    if (!address.is_v4()) {
      networks6_.insert(static_cast<std::uint64_t>(address.v6().value() >> 64U));
      return;
    }
    const std::uint32_t value = address.v4().value();
    bits_[value >> 14U] |= std::uint64_t{1} << (value >> 8U & 63U);
  }
  [[nodiscard]] bool contains(const IpAddress& address) const noexcept {
    if (!address.is_v4()) {
      return networks6_.contains(static_cast<std::uint64_t>(address.v6().value() >> 64U));
    }
    const std::uint32_t value = address.v4().value();
    return (bits_[value >> 14U] >> (value >> 8U & 63U) & 1U) != 0;
  }
  void prefetch(const IpAddress& address) const noexcept {
    if (address.is_v4()) __builtin_prefetch(&bits_[address.v4().value() >> 14U], 1);
  }
  [[nodiscard]] std::uint64_t count() const noexcept;
  // The addresses of `all` that lie in these networks.
  [[nodiscard]] Ipv4Set of(const RankedSet<Ipv4Address>& all) const;
  [[nodiscard]] Ipv6Set of(const RankedSet<Ipv6Address>& all) const;

 private:
  static constexpr std::size_t kWords = std::size_t{1} << 18U;  // A bit for each /24.

  // In one large page: a word that is fetched ahead comes only while its page is known.
  ReservedMemory memory_{ByteCount{kWords * sizeof(std::uint64_t)},
                         ByteCount{kWords * sizeof(std::uint64_t)}};
  std::span<std::uint64_t, kWords> bits_{static_cast<std::uint64_t*>(memory_.data()), kWords};
  std::unordered_set<std::uint64_t> networks6_;
};

// Positions of the first sweep, [first, last).
struct PositionRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  friend bool operator==(const PositionRange&, const PositionRange&) = default;
};

// What a survey sweeps over, in order: every target `probes` times, then intervals in which probes
// got lost, then silent targets by RetryMode. Only targets of its own range of positions (a shard,
// or the first few) are ever probed.
//
// A sweep follows from the plan and what was known when it began, so that a resumed survey makes
// the same one again.
// Thread: one user.
class SweepPlanner {
 public:
  struct Config {
    std::shared_ptr<const dataplane::TargetSpace> space;
    dataplane::Permutation order;
    Uint128 seed = 0;
    std::uint64_t first = 0;  // Positions [first, last) of `order` are this survey's.
    std::uint64_t last = 0;
    unsigned probes = 1;
    RetryMode retries = RetryMode::Responsive;
  };

  explicit SweepPlanner(Config config) : config_{std::move(config)} {}

  // What had been found out when a sweep begins.
  struct Known {
    const ReplyLedger& ledger;
    const AnsweringNetworks& answering;
    std::span<const PositionRange> damaged;  // Lost too many probes; disjoint, in rising order.
  };

  // The sweep numbered `number`, from 1 to most_sweeps(). nullopt when there is nothing in it.
  [[nodiscard]] std::optional<dataplane::Sweep> sweep(unsigned number, const Known& known) const;
  // Whether sweep `number` repeats silent targets only.
  [[nodiscard]] bool is_retry(unsigned number) const noexcept { return number > config_.probes; }
  [[nodiscard]] unsigned most_sweeps() const noexcept {
    return config_.probes + (config_.retries == RetryMode::None ? 1 : 2);
  }
  // The first of the sweeps over silent targets: that over damaged ranges.
  [[nodiscard]] unsigned first_repeat() const noexcept { return config_.probes + 1; }
  [[nodiscard]] const Config& config() const noexcept { return config_; }

 private:
  [[nodiscard]] dataplane::Sweep everything(std::uint8_t attempt) const;
  // `only` leaves out whatever is in no network that answered.
  [[nodiscard]] std::optional<dataplane::Sweep> silent_of(
      std::span<const PositionRange> ranges, const ReplyLedger& ledger, unsigned number,
      const AnsweringNetworks* only = nullptr) const;
  [[nodiscard]] std::optional<dataplane::Sweep> silent_in(const AnsweringNetworks& answering,
                                                          const ReplyLedger& ledger,
                                                          unsigned number) const;

  Config config_;
};

}  // namespace trawl::control
