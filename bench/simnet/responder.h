#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/mac.h"
#include "base/result.h"
#include "bench/simnet/counters.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/population.h"
#include "bench/simnet/rate_gate.h"

namespace trawl::simnet {

enum class Action : std::uint8_t {
  Ignore,
  Reply,   // The buffer now holds the reply.
  Forward  // The frame, unchanged, is the uplink's.
};

struct Answer {
  Action action = Action::Ignore;
  std::size_t length = 0;             // Of the reply.
  std::chrono::nanoseconds delay{0};  // The reply leaves this much later.
};

// Gives an array of mapped pages back.
struct UnmapArray {
  std::size_t bytes = 0;
  void operator()(std::int64_t* at) const noexcept;
};

// What the simulated network answers to one frame: bytes in, bytes out, no I/O.
//
// The same frames in the same order at the same times give the same answers: loss is drawn from the
// seed and the order of arrival, and rate limits look only at `now`.
//
// Thread: one polling core. Cost: a SYN to a dead address takes one hash; allocates nothing.
class Responder {
 public:
  // Needs a population that outlives it. Fails with Usage when a per-host rate limit is asked for
  // more addresses than its table may hold.
  [[nodiscard]] static Result<Responder> make(const Population& population, MacAddress router_mac,
                                              Counters& counters);

  // Answers the frame in the first `length` bytes of `buffer`, writing the reply over it.
  // `now` counts from any fixed start and never goes back.
  [[nodiscard]] Answer answer(std::span<std::byte> buffer, std::size_t length,
                              std::chrono::nanoseconds now) noexcept;

 private:
  using Nanoseconds = std::chrono::nanoseconds;
  static constexpr std::uint64_t kMostLimitedAddresses = std::uint64_t{1} << 26U;

  Responder(const Population& population, MacAddress router_mac, Counters& counters);

  Answer ignore(Counter why) noexcept;
  Answer arp(std::span<std::byte> buffer, std::size_t length) noexcept;
  Answer ipv4(std::span<std::byte> buffer, std::size_t length, Nanoseconds now) noexcept;
  Answer dead(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
              Nanoseconds now) noexcept;
  Answer echo(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
              Nanoseconds now) noexcept;
  Answer tcp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
             Nanoseconds now) noexcept;
  Answer segment(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                 const TcpSegment& segment, Nanoseconds now) noexcept;
  // Decides the fate of a reply of `length` bytes from `host`.
  Answer reply(Counter outcome, std::size_t length, const Ipv4Frame& probe, const Host& host,
               Nanoseconds now) noexcept;
  [[nodiscard]] bool is_lost(std::uint32_t threshold, std::uint64_t& sequence,
                             std::uint64_t key) noexcept;
  [[nodiscard]] bool is_our_mac(std::uint64_t mac, Ipv4Address to) const noexcept;
  [[nodiscard]] HostStyle style_of(const Host& host, Nanoseconds now) const noexcept;

  const Population* population_;
  Counters* counters_;
  std::uint64_t router_mac_;
  std::uint32_t loss_in_;
  std::uint32_t loss_out_;
  std::uint64_t received_ = 0;  // IP packets, the arrival order that loss is drawn from.
  std::uint64_t replied_ = 0;
  RateGate host_gate_;
  RateGate icmp_gate_;
  std::int64_t icmp_due_ = 0;
  std::unique_ptr<std::int64_t[], UnmapArray> host_due_;  // By rank of the address.
};

}  // namespace trawl::simnet
