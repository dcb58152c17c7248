#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/probe_mac.h"
#include "dataplane/target_space.h"

namespace trawl::dataplane {

// What kind of probe a cookie belongs to; part of the authenticated block.
enum class ProbeKind : std::uint8_t { TcpSyn = 1 };

// The source ports probes go out from, both ends included.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  [[nodiscard]] constexpr std::uint32_t size() const noexcept {
    return std::uint32_t{last} - first + 1U;
  }
  [[nodiscard]] constexpr bool contains(std::uint16_t port) const noexcept {
    return port >= first && port <= last;
  }
};

// The header fields in which a probe carries its proof. No initialisers: arrays of them are scratch
// space on polling cores.
struct Cookie {
  std::uint32_t sequence;
  std::uint16_t source_port;
  std::uint16_t ip_id;
};

// Derives every probe's cookie from the scan key: AES over (source, target, port, kind). The reply
// returns the target and the source port, so it can be checked without any memory of the probe.
//
// Thread: immutable once made.
class CookieMaker {
 public:
  static constexpr std::size_t kMostBatch = 64;

  CookieMaker(const ScanKey& key, Ipv4Address source, PortRange ports) noexcept
      : mac_{key}, source_{source.value()}, ports_{ports} {}

  // Needs equal sizes of at most kMostBatch.
  void make(std::span<const Target> targets, std::span<Cookie> cookies) const noexcept {
    alignas(64) MacBlock blocks[kMostBatch];
    for (std::size_t i = 0; i < targets.size(); ++i) {
      blocks[i].words = {
          source_, targets[i].ip.value(),
          (std::uint32_t{targets[i].port} << 8U) | static_cast<std::uint32_t>(ProbeKind::TcpSyn),
          0};
    }
    mac_.apply(std::span{blocks, targets.size()});
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const auto& words = blocks[i].words;
      const std::uint64_t offset = (std::uint64_t{words[1]} * ports_.size()) >> 32U;
      cookies[i] = Cookie{words[0], static_cast<std::uint16_t>(ports_.first + offset),
                          static_cast<std::uint16_t>(words[2])};
    }
  }
  [[nodiscard]] PortRange ports() const noexcept { return ports_; }
  [[nodiscard]] Ipv4Address source() const noexcept { return Ipv4Address{source_}; }

 private:
  ProbeMac mac_;
  std::uint32_t source_;
  PortRange ports_;
};

}  // namespace trawl::dataplane
