#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trawl::dataplane {

// Everything a polling core counts. counter_info() has a name and a text for each.
enum class Counter : std::uint8_t {
  ProbesSent,
  ProbesDeferred,
  ProbesBlocked,
  ProbesOptedOut,
  ProbesNoNeighbour,
  ProbesAbandoned,
  ArpRequests,
  ArpAnswers,
  NeighbourRequests,
  NeighbourAnswers,
  NeighbourAnswersLost,
  TxRingFull,
  TxNoBuffer,
  TxBackPressure,
  TxHeld,
  ProbesLimited,
  TxNetworksWait,
  PacingStalls,
  TxKernel,
  KernelBlocked,
  KernelScanPort,
  RxFrames,
  RxArp,
  RxNeighbour,
  NeighboursMissed,
  RxTruncated,
  RxNotIpv4,
  RxNotIpv6,
  RxBadHeader,
  RxFragment,
  RxOtherAddress,
  RxOtherProtocol,
  RxOtherPort,
  RxNotAReply,
  RxForged,
  RxIcmpOther,
  RxOtherVlan,
  RxValid,
  RxKernel,
  RxKernelFull,
  KernelRefused,
  RxWaits,
  ResetsSent,
  ResetsBlocked,
  ResetsLimited,
  ResetsWithheld,
  ResetsDropped,
  TalkHandshakes,
  TalkFrames,
  TalkSegments,
  TalkBanners,
  TalkSecondCalls,
  TalkBlocked,
  TalkLimited,
  TalkAbandoned,
  TalkRingFull,
  TalkNoNeighbour,
  TalkTableFull,
  TalkNoSlab,
  TalkScattered,
  TalkBeyond,
  TalkRepeats,
  TalkStragglers,
  TalkHeadless,
  RawSent,
  RawBlocked,
  RawLimited,
  RawNoNeighbour,
  RawAbandoned,
  RawUntold,
  RawReceived,
  RawRingFull
};
inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::RawRingFull) + 1;

enum class CounterKind : std::uint8_t {
  Traffic,  // What was done.
  Ignored,  // A frame that was none of our business, or hostile.
  Delay,    // Something waited; nothing was lost.
  Loss      // A probe that could not be sent: a hole in the survey.
};

struct CounterInfo {
  std::string_view name;  // As in JSON: snake_case.
  std::string_view text;  // As in the summary.
  CounterKind kind;
};

[[nodiscard]] const CounterInfo& counter_info(Counter counter) noexcept;

using CounterValues = std::array<std::uint64_t, kCounters>;

// The counters of one polling core. Only that core adds; anyone may take a snapshot.
class alignas(64) CoreCounters {
 public:
  void add(Counter counter, std::uint64_t n = 1) noexcept {
    auto& value = values_[static_cast<std::size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(Counter counter, std::uint64_t n) noexcept {
    values_[static_cast<std::size_t>(counter)].store(n, std::memory_order_relaxed);
  }
  void add_to(CounterValues& sums) const noexcept {
    for (std::size_t i = 0; i < kCounters; ++i) {
      sums[i] += values_[i].load(std::memory_order_relaxed);
    }
  }

 private:
  std::array<std::atomic<std::uint64_t>, kCounters> values_{};
};

}  // namespace trawl::dataplane
