#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

namespace trawl::dataplane {

// Ethernet addresses of the gateway and of on-link hosts, learnt by ARP while the scan runs.
//
// One 64-bit word an on-link address, in memory the kernel supplies page by page as it is touched.
// Receiving cores write what they learn, sending cores read and count their requests: relaxed
// atomics, no locks.
class Neighbours {
 public:
  // One neighbour's word: 0 = never asked; kResolved | MAC; else the number of requests sent.
  using Word = std::atomic<std::uint64_t>;
  static constexpr std::uint64_t kResolved = std::uint64_t{1} << 63U;
  static constexpr std::uint64_t kSilent = std::uint64_t{1} << 62U;  // Asked in vain.

  struct Config {
    std::vector<Ipv4Prefix> on_link;     // Reached without the gateway.
    std::optional<Ipv4Address> gateway;  // Asked for by ARP unless its MAC is known.
    std::optional<MacAddress> gateway_mac;
    bool gateway_mac_stands = false;  // Given by the user: ARP does not change it.
  };

  // Fails with Runtime when the address space for the table is refused.
  [[nodiscard]] static Result<Neighbours> make(const Config& config);
  ~Neighbours();
  Neighbours(Neighbours&& other) noexcept;
  Neighbours& operator=(Neighbours&&) = delete;
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  // The word of the next hop towards `target`: its own when it is on-link, else the gateway's;
  // nullptr when there is neither.
  [[nodiscard]] Word* next_hop(Ipv4Address target) noexcept {
    for (const Table& table : tables_) {
      if (table.prefix.contains(target)) return &table.words[offset(table, target)];
    }
    return has_gateway_ ? gateway_.get() : nullptr;
  }
  // True when every target goes through the gateway.
  [[nodiscard]] bool only_gateway() const noexcept { return tables_.empty(); }
  [[nodiscard]] const Word* gateway() const noexcept { return gateway_.get(); }
  // Whose MAC ARP can tell; nullopt where there is none to ask.
  [[nodiscard]] std::optional<Ipv4Address> gateway_address() const noexcept {
    return gateway_address_;
  }
  [[nodiscard]] bool gateway_known() const noexcept {
    return (gateway_->load(std::memory_order_relaxed) & kResolved) != 0;
  }

  // Notes that `address` said it is at `mac`. Addresses we would never ask for are ignored.
  void learn(Ipv4Address address, MacAddress mac) noexcept;

 private:
  struct Table {
    Ipv4Prefix prefix;
    Word* words;
    std::size_t bytes;
  };
  Neighbours() = default;
  [[nodiscard]] static std::size_t offset(const Table& table, Ipv4Address address) noexcept {
    return address.value() - table.prefix.first().value();
  }

  std::vector<Table> tables_;
  std::unique_ptr<Word> gateway_ = std::make_unique<Word>(0);
  std::optional<Ipv4Address> gateway_address_;
  bool has_gateway_ = false;
  bool gateway_fixed_ = false;
};

}  // namespace trawl::dataplane
