#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace trawl::simnet {

// Every frame received ends in exactly one of the outcomes, and every reply made in exactly one of
// the fates or is still waiting, so the sums always agree.
enum class Counter : std::uint8_t {
  FramesReceived,
  // Outcomes.
  ArpAnswered,
  ArpIgnored,
  NeighbourAnswered,  // ARP's successor.
  NeighbourIgnored,
  Multicast,
  OtherDestination,  // Not for a MAC of ours.
  OtherEthertype,
  Malformed,
  BadIpChecksum,
  Fragment,
  LostIn,
  LostInBurst,  // On the way in, like LostIn.
  DroppedIn,    // By the bottleneck on the way in.
  NoRoute,
  Silent,
  Forwarded,
  SynToDead,
  OtherToDead,
  Unreachable,         // Dead, and the router answers.
  UnreachableIgnored,  // Dead, router would answer, but not this kind of packet.
  BadTransportChecksum,
  EchoAnswered,
  TimestampAnswered,
  UdpToOpen,
  UdpToClosed,
  UdpDropped,
  OtherProtocol,
  SynToOpen,
  SynToClosed,
  SynDropped,
  OtherTcpReset,  // Not a SYN, answered with RST.
  RstIgnored,
  TcpIgnored,
  OsProbeAnswered,      // A TCP probe of OS detection, by the host's personality.
  OsProbeIgnored,       // The same, or an ICMP request, where that is silent.
  ConversationReset,    // A RST that ended one.
  ConversationSegment,  // Any other segment of one, answered or not.
  // Fates of replies.
  RepliesMade,
  LostOut,
  LostOutBurst,
  DroppedOut,  // By the bottleneck on the way out.
  NetworkLimited,
  RateLimited,
  IcmpLimited,
  QueueOverflow,
  RepliesSent,
  DiscardedLinkDown,
  NoBuffer,
  // Of the replies made, those that a host's timer sent: repeats and late SYN-ACKs.
  TimerReplies,
  TimersFull,    // Repeats and late SYN-ACKs that were never made, for want of room.
  FloodReplies,  // Of the replies made, those sent over and over.
  // What is remembered of TCP probes: the first of a target, another of it, or of no such target.
  ProbesFirst,
  ProbesRepeated,
  ProbesUnlisted,
  // What became of conversations.
  ConversationsOpened,     // Handshakes completed.
  ConversationsCompleted,  // All that a service has to say was acknowledged.
  ConversationsReopened,   // Made way for a new SYN from the same port.
  ConversationsAbandoned,  // The peer was silent for too long.
  ConversationsEvicted,    // Made room for newer ones.
  ConversationsRefused,    // SYN-ACKs without one: too many different MAC addresses sent SYNs.
  ConversationBytesSent,   // Each byte once.
  ConversationBytesReceived,
  ConversationRetransmissions,
  ConversationSegmentsDropped,  // Early, old, outside the window, or without a right timestamp.
  FakeExtra,        // Packets behind the SYN to ports that are no service and never will be:
  FakeExtraResets,  // of these, resets;
  FakeExtraMost,    // and the most in one conversation, 255 at most.
  // Forged replies, which answer nothing and count as nothing else.
  ForgedSent,
  ForgedDiscarded,
  // The link.
  TxRetries,
  // The uplink.
  UplinkReceived,
  UplinkArp,
  UplinkIgnored,
  UplinkUnresolved,    // Held for a neighbour that never answered.
  UplinkHeldOverflow,  // Too many frames were waiting already.
  UplinkTtlExpired,
  UplinkNoNeighbour,  // For an address of the scanner's side that never sent anything.
  UplinkSent,
  UplinkReturned,   // Sent to the scanner's side.
  UplinkDiscarded,  // The link they were for is down.
  Count
};

inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::Count);

[[nodiscard]] std::string_view to_string(Counter counter) noexcept;

// Thread: written by one polling core, read by any.
class Counters {
 public:
  void add(Counter counter, std::uint64_t n = 1) noexcept {
    auto& value = values_[static_cast<std::size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get(Counter counter) const noexcept {
    return values_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  // {"frames_received":1,...}
  [[nodiscard]] std::string to_json() const;

 private:
  std::array<std::atomic<std::uint64_t>, kCounters> values_{};
};

}  // namespace trawl::simnet
