#include "control/survey/machine_watch.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/hash.h"
#include "base/ip.h"

namespace trawl::control {
namespace {

constexpr std::size_t kMostStacks = std::numeric_limits<std::uint16_t>::max();
constexpr ByteCount kLeast = ByteCount::mebibytes(1);

// Two thirds for addresses.
ByteCount for_addresses(std::uint64_t slots, ByteCount memory, std::size_t size) noexcept {
  return std::max(kLeast, std::min(ByteCount{slots * size}, ByteCount{memory.count() / 3 * 2}));
}

}  // namespace

// The same that osfp::compare_ports() tells stacks apart by.
std::size_t MachineWatch::StackHash::operator()(const osfp::SynAckFacts& facts) const noexcept {
  const std::uint64_t numbers = std::uint64_t{facts.quirks.bits()} << 40U |
                                std::uint64_t{facts.mss} << 16U | std::uint64_t{facts.ttl} << 8U |
                                facts.ip_version;
  return mix64(facts.layout.hash() ^ numbers);
}

bool MachineWatch::SameStack::operator()(const osfp::SynAckFacts& a,
                                         const osfp::SynAckFacts& b) const noexcept {
  return a.ttl == b.ttl && a.mss == b.mss && a.quirks == b.quirks && a.ip_version == b.ip_version &&
         a.layout == b.layout;
}

MachineWatch::MachineWatch(std::uint64_t addresses, ByteCount memory)
    : address_memory_{for_addresses(addresses + addresses / 3 + 1, memory, sizeof(Address)),
                      kLeast},
      port_memory_{std::max(kLeast, ByteCount{memory.count() / 3}), kLeast},
      addresses_{static_cast<Address*>(address_memory_.data())},
      slots_{address_memory_.size().count() / sizeof(Address)},
      ports_{static_cast<Port*>(port_memory_.data())},
      most_ports_{static_cast<std::uint32_t>(port_memory_.size().count() / sizeof(Port))} {
  address_memory_.prefer_large_pages();
}

std::uint64_t MachineWatch::first_slot(std::uint64_t place) const noexcept {
  return static_cast<std::uint64_t>((Uint128{mix64(place)} * slots_) >> 64U);
}

// The address, or where it goes; nullptr when there is no more room.
MachineWatch::Address* MachineWatch::find(std::uint64_t place) noexcept {
  std::uint64_t at = first_slot(place);
  for (;; at = at + 1 == slots_ ? 0 : at + 1) {
    Address& address = addresses_[at];
    if (address.ports != 0 && address.place == place) return &address;
    if (address.ports == 0) break;
  }
  if (used_ >= slots_ - slots_ / 8) return nullptr;
  return &addresses_[at];
}

std::optional<std::uint16_t> MachineWatch::stack_of(const osfp::SynAckFacts& facts) {
  const auto known = stack_numbers_.find(facts);
  if (known != stack_numbers_.end()) return known->second;
  if (stacks_.size() == kMostStacks) return std::nullopt;
  const auto number = static_cast<std::uint16_t>(stacks_.size());
  stacks_.push_back(facts);
  stack_numbers_.emplace(facts, number);
  return number;
}

void MachineWatch::add(std::uint64_t place, std::uint16_t port, std::chrono::milliseconds arrival,
                       const osfp::SynAckFacts& facts) {
  Address* const address = find(place);
  const auto stack = stack_of(facts);
  if (address == nullptr || !stack) {
    ++left_out_;
    return;
  }
  const Port told{.port = port,
                  .stack = *stack,
                  .stamp = facts.stamp,
                  .arrival_ms = static_cast<std::uint32_t>(arrival.count())};
  if (address->ports == 0) {
    ++used_;
    address->place = place & ((std::uint64_t{1} << 48U) - 1);
    address->ports = 1;
    address->first = told;
    return;
  }
  if (address->ports == 1) ++compared_;
  if (append(*address, told)) return;
  ++left_out_;
  if (address->left_out < std::numeric_limits<std::uint8_t>::max()) {
    address->left_out = (address->left_out + 1U) & 0xffU;
  }
}

bool MachineWatch::append(Address& address, const Port& port) noexcept {
  if (address.ports >= kMostPorts || ports_used_ == most_ports_) return false;
  Port& place = ports_[ports_used_++];
  place = port;
  place.next = address.first.next;
  address.first.next = ports_used_;
  address.ports = (address.ports + 1U) & 0xffU;
  return true;
}

// Whether nothing can speak for a second machine: equal stacks, and too few clocks to compare.
bool MachineWatch::is_plain(const Address& address) const noexcept {
  constexpr unsigned kFewestClocks = 4;
  if (address.ports >= kFewestClocks && stacks_[address.first.stack].has_stamp) return false;
  for (std::uint32_t at = address.first.next; at != 0; at = ports_[at - 1].next) {
    if (ports_[at - 1].stack != address.first.stack) return false;
  }
  return true;
}

MachineWatch::Finding MachineWatch::compare(const Address& address) const {
  std::vector<osfp::PortSynAck> ports;
  for (const Port* port = &address.first;; port = &ports_[port->next - 1]) {
    ports.push_back({.port = port->port,
                     .arrival = std::chrono::milliseconds{port->arrival_ms},
                     .facts = stacks_[port->stack]});
    ports.back().facts.stamp = port->stamp;
    if (port->next == 0) break;
  }
  return {.place = address.place,
          .machines = osfp::compare_ports(ports),
          .ports_left_out = static_cast<std::uint32_t>(address.left_out)};
}

bool MachineWatch::tell(const std::function<bool(const Finding&)>& take) const {
  for (const Address& address : std::span{addresses_, slots_}) {
    if (address.ports < 2 || is_plain(address)) continue;
    const Finding finding = compare(address);
    if (finding.machines.size() > 1 && !take(finding)) return false;
  }
  return true;
}

}  // namespace trawl::control
