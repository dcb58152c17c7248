#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "control/survey/reserved_memory.h"
#include "osfp/passive/port_comparison.h"

namespace trawl::control {

// Remembers the SYN-ACKs of open ports by their address, to tell in the end which addresses have
// ports on different machines.
//
// An address takes 24 bytes, and 16 more for each further open port up to kMostPorts. What SYN-ACKs
// have in common is kept once for all: TTL, options, quirks, MSS. There is a bound for all of it;
// what finds no room is counted and not compared.
//
// Thread: one user. Cost: add() one cache miss, none after a prefetch(); bench/survey/run hints.
class MachineWatch {
 public:
  static constexpr ByteCount kMemory = ByteCount::mebibytes(384);
  static constexpr unsigned kMostPorts = 64;  // Of one address.

  // Needs places of addresses below `addresses` and 2^48. Throws std::bad_alloc.
  explicit MachineWatch(std::uint64_t addresses, ByteCount memory = kMemory);

  // A port of the address with this place was found open; each once. `arrival` by one steady clock
  // for all.
  void add(std::uint64_t place, std::uint16_t port, std::chrono::milliseconds arrival,
           const osfp::SynAckFacts& facts);
  // Starts loading what add() will need.
  void prefetch(std::uint64_t place) const noexcept {
    __builtin_prefetch(addresses_ + first_slot(place), 1);
  }

  // What an address with several machines is told with.
  struct Finding {
    std::uint64_t place = 0;
    std::vector<osfp::MachineGroup> machines;  // At least two.
    std::uint32_t ports_left_out = 0;
  };
  // Calls `take` for each of them. Stops and returns false once that does.
  bool tell(const std::function<bool(const Finding&)>& take) const;

  // Addresses with several open ports...
  [[nodiscard]] std::uint64_t compared() const noexcept { return compared_; }
  // ...and ports for which there was no room.
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  struct Port {
    std::uint32_t next = 0;  // In ports_ and one more; 0: none.
    std::uint16_t port = 0;
    std::uint16_t stack = 0;  // In stacks_.
    std::uint32_t stamp = 0;
    std::uint32_t arrival_ms = 0;
  };
  struct Address {
    std::uint64_t place : 48 = 0;
    std::uint64_t ports : 8 = 0;     // 0: nobody's.
    std::uint64_t left_out : 8 = 0;  // The most it holds where there are more.
    Port first;                      // Others follow.
  };
  static_assert(sizeof(Port) == 16 && sizeof(Address) == 24);
  struct StackHash {
    std::size_t operator()(const osfp::SynAckFacts& facts) const noexcept;
  };
  struct SameStack {
    bool operator()(const osfp::SynAckFacts& a, const osfp::SynAckFacts& b) const noexcept;
  };

  [[nodiscard]] std::uint64_t first_slot(std::uint64_t place) const noexcept;
  [[nodiscard]] Address* find(std::uint64_t place) noexcept;
  [[nodiscard]] std::optional<std::uint16_t> stack_of(const osfp::SynAckFacts& facts);
  [[nodiscard]] bool append(Address& address, const Port& port) noexcept;
  [[nodiscard]] bool is_plain(const Address& address) const noexcept;
  [[nodiscard]] Finding compare(const Address& address) const;

  ReservedMemory address_memory_;
  ReservedMemory port_memory_;
  Address* addresses_ = nullptr;
  std::uint64_t slots_ = 0;
  std::uint64_t used_ = 0;
  Port* ports_ = nullptr;
  std::uint32_t most_ports_ = 0;
  std::uint32_t ports_used_ = 0;
  std::vector<osfp::SynAckFacts> stacks_;
  std::unordered_map<osfp::SynAckFacts, std::uint16_t, StackHash, SameStack> stack_numbers_;
  std::uint64_t compared_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace trawl::control
