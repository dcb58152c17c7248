#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/mac.h"
#include "base/result.h"
#include "bench/simnet/conversations.h"
#include "bench/simnet/counters.h"
#include "bench/simnet/forger.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/frame6.h"
#include "bench/simnet/host_timers.h"
#include "bench/simnet/personality_reply.h"
#include "bench/simnet/population.h"
#include "bench/simnet/reply_limits.h"
#include "bench/simnet/stand_in.h"
#include "bench/simnet/way.h"
#include "bench/simnet/zero_pages.h"

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

// What the simulated network answers to one frame, and what its hosts send by themselves after it:
// bytes in, bytes out, no I/O.
//
// The same frames in the same order at the same times give the same answers: loss is drawn from the
// seed, the order of arrival and the time, and limits and queues look only at `now`.
//
// Thread: one polling core. Cost: a SYN to a dead address takes one hash; allocates nothing. What
// is not configured costs one branch.
class Responder {
 public:
  // Needs a population that outlives it. Fails with Usage or Runtime when what has to be remembered
  // of each host or /24 does not fit.
  [[nodiscard]] static Result<Responder> make(const Population& population, MacAddress router_mac,
                                              Counters& counters);

  // Answers the frame in the first `length` bytes of `buffer`, writing the reply over it.
  // `now` counts from any fixed start and never goes back.
  [[nodiscard]] Answer answer(std::span<std::byte> buffer, std::size_t length,
                              std::chrono::nanoseconds now) noexcept;

  // The next frame that a host sends by itself, written to `buffer`; nullopt when none is due at
  // `now`. Ignore when there was one but it was lost: ask again. Needs room for a whole Ethernet
  // frame.
  [[nodiscard]] std::optional<Answer> emit(std::span<std::byte> buffer,
                                           std::chrono::nanoseconds now) noexcept;
  // The longest delay of any answer.
  [[nodiscard]] std::chrono::nanoseconds longest_delay() const noexcept;
  // Writes what is forged in the name of the hosts, as often as genuine replies make it due.
  [[nodiscard]] Forger& forger() noexcept { return forger_; }

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  Responder(const Population& population, MacAddress router_mac, Counters& counters, Way in,
            Way out, ReplyLimits limits);

  Answer ignore(Counter why) noexcept;
  Answer arp(std::span<std::byte> buffer, std::size_t length) noexcept;
  Answer ipv4(std::span<std::byte> buffer, std::size_t length, Nanoseconds now) noexcept;
  // As deliver() and the ones below it see time: when the packet is at the host.
  Answer deliver(std::span<std::byte> buffer, std::size_t length, const Ipv4Frame& probe,
                 Nanoseconds now) noexcept;
  Answer dead(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
              Nanoseconds now) noexcept;
  Answer ipv6(std::span<std::byte> buffer, std::size_t length, Nanoseconds now) noexcept;
  Answer solicitation(std::span<std::byte> buffer, const Ipv6Frame& request,
                      Ipv6Address target) noexcept;
  Answer deliver6(std::span<std::byte> buffer, const Ipv6Frame& probe, Nanoseconds now) noexcept;
  Answer tcp6(std::span<std::byte> buffer, const Ipv6Frame& probe, const Host& host,
              Nanoseconds now) noexcept;
  Answer converse6(std::span<std::byte> buffer, const Ipv6Frame& probe, const Host& host,
                   TcpSegment segment, Nanoseconds now) noexcept;
  // Of a frame that a conversation over IPv6 has put into `buffer`.
  Answer emitted6(std::span<std::byte> buffer, std::size_t size, Nanoseconds now) noexcept;
  Answer icmp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
              Nanoseconds now) noexcept;
  Answer udp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
             Nanoseconds now) noexcept;
  Answer tcp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
             Nanoseconds now) noexcept;
  // What hosts with a personality answer.
  Answer as_personality(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                        const Personality& personality, const TcpSegment& segment,
                        std::optional<Personality::Segment> os_probe, Nanoseconds now) noexcept;
  Answer echo_as(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                 const Personality& personality, Nanoseconds now) noexcept;
  Answer unreachable_as(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                        const Personality& personality, Nanoseconds now) noexcept;
  [[nodiscard]] IdCounters& ids_of(Ipv4Address address) noexcept;
  Answer segment(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                 const TcpSegment& segment, Nanoseconds now) noexcept;
  // A segment to an open port where ports hold conversations.
  Answer converse(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                  const TcpSegment& segment, std::span<const std::byte> payload,
                  Nanoseconds now) noexcept;
  Answer accept(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                const TcpSegment& syn, Nanoseconds now) noexcept;
  // Starts the timer of a host that repeats or comes late; true when it resets first.
  [[nodiscard]] bool start_timer(std::span<const std::byte> syn_ack, const Host& host,
                                 std::uint16_t port, Nanoseconds now) noexcept;
  // The outcome of a probe that does not arrive.
  [[nodiscard]] static std::optional<Counter> loss_in(PassageFate fate) noexcept;
  // Counts a reply of `length` bytes from `address` and decides its fate.
  Answer reply(Counter outcome, ReplyKind kind, std::span<const std::byte> buffer,
               std::size_t length, Ipv4Address address, const Host& host, Nanoseconds now) noexcept;
  // The fate of a frame that `host` at `address` sends.
  Answer send(ReplyKind kind, std::span<const std::byte> frame, const Host& host,
              Ipv4Address address, Nanoseconds now) noexcept;
  [[nodiscard]] bool is_our_mac(std::uint64_t mac, Ipv4Address to) const noexcept;

  const Population* population_;
  Counters* counters_;
  std::uint64_t router_mac_;
  Way in_;
  Way out_;
  ReplyLimits limits_;
  Forger forger_;
  std::unique_ptr<HostTimers> timers_;            // Null when no host has any use for one.
  std::unique_ptr<Conversations> conversations_;  // Null when ports answer SYNs only.
  StandIns stand_ins_;
  std::unique_ptr<const ProbeShapes> shapes_;  // Null when no host has a personality.
  ZeroPages<IdCounters> ids_;                  // By number of the address.
};

}  // namespace trawl::simnet
