#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/interval_set.h"
#include "base/ip.h"
#include "base/mac.h"
#include "base/ranked_set.h"
#include "base/result.h"

namespace trawl::dataplane {

// One neighbour's word: 0 = never asked; kResolved | MAC; else the number of requests sent.
using NeighbourWord = std::atomic<std::uint64_t>;

// The words of one on-link prefix.
class PrefixNeighbours {
 public:
  PrefixNeighbours(Ipv4Prefix prefix, NeighbourWord* words) noexcept
      : prefix_{prefix}, words_{words} {}

  [[nodiscard]] static std::uint64_t size_for(const Ipv4Prefix& prefix) noexcept {
    return std::uint64_t{prefix.last().value() - prefix.first().value()} + 1;
  }
  // nullptr when the address is not on the link.
  [[nodiscard]] NeighbourWord* find(Ipv4Address address) const noexcept {
    if (!prefix_.contains(address)) return nullptr;
    return words_ + (address.value() - prefix_.first().value());
  }

 private:
  Ipv4Prefix prefix_;
  NeighbourWord* words_;
};

// The words of those addresses of a link that are targets: a link of IPv6 has 2^64 addresses.
class TargetNeighbours {
 public:
  TargetNeighbours(const Ipv6Set& targets, NeighbourWord* words) : ranks_{targets}, words_{words} {}

  [[nodiscard]] static std::uint64_t size_for(const Ipv6Set& targets) {
    return static_cast<std::uint64_t>(targets.size());
  }
  [[nodiscard]] NeighbourWord* find(Ipv6Address address) const noexcept {
    const auto rank = ranks_.rank(address);
    return rank ? words_ + static_cast<std::uint64_t>(*rank) : nullptr;
  }

 private:
  RankedSet<Ipv6Address> ranks_;
  NeighbourWord* words_;
};

// What of a family is on the link, and where its neighbours are noted.
template <typename Address>
struct OnLink;
template <>
struct OnLink<Ipv4Address> {
  using Range = Ipv4Prefix;
  using Table = PrefixNeighbours;
};
template <>
struct OnLink<Ipv6Address> {
  using Range = Ipv6Set;  // The targets among the addresses of the link; at most kMostTargets.
  using Table = TargetNeighbours;
  static constexpr std::uint64_t kMostTargets = std::uint64_t{1} << 28U;
};

// Ethernet addresses of the gateway and of on-link hosts, learnt by ARP or by neighbour discovery
// while the scan runs.
//
// One 64-bit word an on-link address, in memory the kernel supplies page by page as it is touched.
// Receiving cores write what they learn, sending cores read and count their requests: relaxed
// atomics, no locks.
template <typename Address>
class BasicNeighbours {
 public:
  using Word = NeighbourWord;
  static constexpr std::uint64_t kResolved = std::uint64_t{1} << 63U;
  static constexpr std::uint64_t kSilent = std::uint64_t{1} << 62U;  // Asked in vain.

  struct Config {
    std::vector<typename OnLink<Address>::Range> on_link;  // Reached without the gateway.
    std::optional<Address> gateway;                        // Asked for unless its MAC is known.
    std::optional<MacAddress> gateway_mac;
    bool gateway_mac_stands = false;  // Given by the user: no answer changes it.
  };

  // Fails with Runtime when the address space for the table is refused.
  [[nodiscard]] static Result<BasicNeighbours> make(const Config& config);
  ~BasicNeighbours();
  BasicNeighbours(BasicNeighbours&& other) noexcept;
  BasicNeighbours& operator=(BasicNeighbours&&) = delete;
  BasicNeighbours(const BasicNeighbours&) = delete;
  BasicNeighbours& operator=(const BasicNeighbours&) = delete;

  // The word of the next hop towards `target`: its own when it is on-link, else the gateway's;
  // nullptr when there is neither.
  [[nodiscard]] Word* next_hop(Address target) noexcept {
    for (const Table& table : tables_) {
      if (Word* const word = table.find(target)) return word;
    }
    return has_gateway_ ? gateway_.get() : nullptr;
  }
  // True when every target goes through the gateway.
  [[nodiscard]] bool only_gateway() const noexcept { return tables_.empty(); }
  [[nodiscard]] const Word* gateway() const noexcept { return gateway_.get(); }
  // Who can be asked for its MAC; nullopt where there is none to ask.
  [[nodiscard]] std::optional<Address> gateway_address() const noexcept { return gateway_address_; }
  [[nodiscard]] bool gateway_known() const noexcept {
    return (gateway_->load(std::memory_order_relaxed) & kResolved) != 0;
  }

  // Notes that `address` said it is at `mac`. Addresses we would never ask for are ignored.
  void learn(Address address, MacAddress mac) noexcept;

 private:
  using Table = typename OnLink<Address>::Table;

  BasicNeighbours() = default;

  std::vector<Table> tables_;
  std::vector<std::span<Word>> memory_;  // Of tables_.
  std::unique_ptr<Word> gateway_ = std::make_unique<Word>(0);
  std::optional<Address> gateway_address_;
  bool has_gateway_ = false;
  bool gateway_fixed_ = false;
};

using Neighbours = BasicNeighbours<Ipv4Address>;
using Neighbours6 = BasicNeighbours<Ipv6Address>;
extern template class BasicNeighbours<Ipv4Address>;
extern template class BasicNeighbours<Ipv6Address>;

}  // namespace trawl::dataplane
