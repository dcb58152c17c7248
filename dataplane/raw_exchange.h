#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/frame_sink.h"
#include "base/ip.h"
#include "dataplane/conversation/one_to_one_ring.h"
#include "dataplane/cookie.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane {

// A set of addresses that one thread changes while another asks. Of fixed size, in buckets: adding
// fails when the bucket is full, and an address that was not added may seem to be there, once in
// 2^60.
class PeerSet {
 public:
  static constexpr std::size_t kMost = 4096;

  PeerSet() : buckets_{std::make_unique<Bucket[]>(kBuckets)} {}
  // Adding twice needs removing twice.
  [[nodiscard]] bool add(const IpAddress& peer) noexcept;
  void remove(const IpAddress& peer) noexcept;
  [[nodiscard]] bool has(const IpAddress& peer) const noexcept;

 private:
  static constexpr std::size_t kBuckets = kMost / 4;
  static constexpr std::size_t kWays = 8;
  struct alignas(64) Bucket {
    std::array<std::atomic<std::uint64_t>, kWays> keys{};  // 0: free.
  };
  [[nodiscard]] static std::uint64_t key_of(const IpAddress& peer) noexcept;
  [[nodiscard]] Bucket& bucket_of(std::uint64_t key) const noexcept {
    return buckets_[key % kBuckets];
  }

  std::unique_ptr<Bucket[]> buckets_;
};

// A packet to send, from its IP header on.
struct RawPacket {
  static constexpr std::size_t kMostBytes = 1500;

  Ticks not_before = 0;
  std::uint64_t tag = 0;  // Comes back when it has left; 0: nothing does.
  std::uint16_t size = 0;
  std::array<std::byte, kMostBytes> bytes;
};

// Where polling cores meet who has packets of his own beside the scan: OS detection, scripts.
//
// Packets go out at their time, by the clock of the sending core, through the egress guard, the
// budgets of networks and the rate as all others do. Of what comes in, that goes to who watches the
// peer which is for ports of this exchange, an echo reply of its identifiers, or an ICMP error that
// quotes one of its packets. Its ports are none of the scan's, and of the kernel's neither: see
// ScanTraffic.
//
// Thread: send(), watch() and unwatch() are one thread's, the user's; wants() and pass() the
// receiving core's; outgoing() and departed() the sending core's. bind() before any of them.
class RawExchange {
 public:
  static constexpr std::size_t kWaiting = 1024;  // Packets to send.

  struct Config {
    PortRange ports;  // And the identifiers of echo requests.
    std::shared_ptr<FrameSink> received;
    std::shared_ptr<FrameSink> departed;  // What became of each packet with a tag; no bytes.
  };
  explicit RawExchange(Config config) : config_{std::move(config)}, outgoing_{kWaiting} {}

  // Where packets are from.
  void bind(const IpAddress& source, VlanId vlan) noexcept {
    source_ = source;
    vlan_ = vlan;
  }
  [[nodiscard]] const IpAddress& source() const noexcept { return source_; }
  [[nodiscard]] PortRange ports() const noexcept { return config_.ports; }

  enum class Sending : std::uint8_t {
    Queued,
    Full,    // Later there is room.
    Refused  // No whole packet of TCP, UDP or ICMP from the source and the ports, without options
             // of IP.
  };
  [[nodiscard]] Sending send(std::span<const std::byte> packet, Ticks not_before,
                             std::uint64_t tag) noexcept;
  // What this peer sends is wanted; false when too many are watched.
  [[nodiscard]] bool watch(const IpAddress& peer) noexcept { return peers_.add(peer); }
  void unwatch(const IpAddress& peer) noexcept { peers_.remove(peer); }

  [[nodiscard]] bool wants(std::span<const std::byte> frame) const noexcept;
  // Needs a frame that it wants. False when there was no room.
  [[nodiscard]] bool pass(std::span<const std::byte> frame, Ticks now) noexcept;

  [[nodiscard]] OneToOneRing<RawPacket>& outgoing() noexcept { return outgoing_; }
  // `at` is 0 for a packet that was stopped. False when there was no room.
  bool departed(std::uint64_t tag, Ticks at) noexcept {
    return tag == 0 || config_.departed->offer({}, {.at = at, .tag = tag});
  }

 private:
  [[nodiscard]] bool is_ours(std::uint16_t port) const noexcept {
    return config_.ports.contains(port);
  }
  [[nodiscard]] bool wants_v4(std::span<const std::byte> packet) const noexcept;
  [[nodiscard]] bool wants_v6(std::span<const std::byte> packet) const noexcept;
  [[nodiscard]] bool is_from_us(std::span<const std::byte> packet, IpAddress& peer) const noexcept;

  const Config config_;
  IpAddress source_{};
  VlanId vlan_{};
  PeerSet peers_;
  OneToOneRing<RawPacket> outgoing_;
};

}  // namespace trawl::dataplane
