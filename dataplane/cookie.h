#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "dataplane/probe_kind.h"
#include "dataplane/probe_mac.h"
#include "dataplane/source_addresses.h"
#include "dataplane/target.h"

namespace trawl::dataplane {

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
// returns the target and the source port, so it can be checked without any memory of the probe. Of
// several sources the first is part of that, and the result chooses the one that sends.
//
// Two IPv6 addresses and the rest are three blocks: a CBC-MAC, all messages being as long. Its
// first block is the source and so the same for every probe; it is worked out once.
//
// Thread: immutable once made.
template <typename Address>
class BasicCookieMaker {
 public:
  using Target = BasicTarget<Address>;

  static constexpr std::size_t kMostBatch = 64;

  BasicCookieMaker(const ScanKey& key, BasicSourceAddresses<Address> sources, PortRange ports,
                   ProbeKind kind = ProbeKind::TcpSyn) noexcept
      : mac_{key},
        sources_{std::move(sources)},
        ports_{ports},
        kind_{static_cast<std::uint32_t>(kind)} {
    if constexpr (kIsLong) {
      first_block_ = block_of(sources_.first());
      mac_.apply({&first_block_, 1});
    }
  }

  // Needs equal sizes of at most kMostBatch.
  void make(std::span<const Target> targets, std::span<Cookie> cookies) const noexcept {
    alignas(64) MacBlock blocks[kMostBatch];
    derive(targets, {blocks, targets.size()}, cookies);
  }
  // Also chooses the sources. Needs several.
  void make(std::span<const Target> targets, std::span<Cookie> cookies,
            std::span<Address> sources) const noexcept {
    alignas(64) MacBlock blocks[kMostBatch];
    derive(targets, {blocks, targets.size()}, cookies);
    for (std::size_t i = 0; i < targets.size(); ++i) sources[i] = sources_.pick(blocks[i].words[3]);
  }
  // Also gives the sources, be there one or several.
  void make_all(std::span<const Target> targets, std::span<Cookie> cookies,
                std::span<Address> sources) const noexcept {
    if (sources_.several()) return make(targets, cookies, sources);
    make(targets, cookies);
    for (Address& source : sources) source = sources_.first();
  }
  // The same for cookies that have nothing in common with these.
  [[nodiscard]] BasicCookieMaker for_kind(ProbeKind kind) const {
    BasicCookieMaker other{*this};
    other.kind_ = static_cast<std::uint32_t>(kind);
    return other;
  }
  [[nodiscard]] ProbeKind kind() const noexcept { return static_cast<ProbeKind>(kind_); }
  [[nodiscard]] PortRange ports() const noexcept { return ports_; }
  [[nodiscard]] const BasicSourceAddresses<Address>& sources() const noexcept { return sources_; }

 private:
  static constexpr bool kIsLong = std::is_same_v<Address, Ipv6Address>;

  [[nodiscard]] static MacBlock block_of(Ipv6Address address) noexcept {
    const Uint128 value = address.value();
    return {{static_cast<std::uint32_t>(value >> 96U), static_cast<std::uint32_t>(value >> 64U),
             static_cast<std::uint32_t>(value >> 32U), static_cast<std::uint32_t>(value)}};
  }

  void derive(std::span<const Target> targets, std::span<MacBlock> blocks,
              std::span<Cookie> cookies) const noexcept {
    if constexpr (kIsLong) {
      for (std::size_t i = 0; i < targets.size(); ++i) {
        blocks[i] = block_of(targets[i].ip);
        for (unsigned w = 0; w < 4; ++w) blocks[i].words[w] ^= first_block_.words[w];
      }
      mac_.apply(blocks);
      for (std::size_t i = 0; i < targets.size(); ++i) {
        blocks[i].words[0] ^= (std::uint32_t{targets[i].port} << 8U) | kind_;
      }
    } else {
      const std::uint32_t source = sources_.first().value();
      for (std::size_t i = 0; i < targets.size(); ++i) {
        blocks[i].words = {source, targets[i].ip.value(),
                           (std::uint32_t{targets[i].port} << 8U) | kind_, 0};
      }
    }
    mac_.apply(blocks);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const auto& words = blocks[i].words;
      const std::uint64_t offset = (std::uint64_t{words[1]} * ports_.size()) >> 32U;
      cookies[i] = Cookie{words[0], static_cast<std::uint16_t>(ports_.first + offset),
                          static_cast<std::uint16_t>(words[2])};
    }
  }

  ProbeMac mac_;
  BasicSourceAddresses<Address> sources_;
  PortRange ports_;
  std::uint32_t kind_;
  MacBlock first_block_{};  // Of IPv6 alone: the MAC of the source.
};

using CookieMaker = BasicCookieMaker<Ipv4Address>;
using CookieMaker6 = BasicCookieMaker<Ipv6Address>;

}  // namespace trawl::dataplane
