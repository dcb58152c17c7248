#include "dataplane/neighbours.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <utility>

namespace trawl::dataplane {

Result<Neighbours> Neighbours::make(const Config& config) {
  Neighbours made;
  for (const Ipv4Prefix& prefix : config.on_link) {
    const std::size_t bytes =
        (std::size_t{prefix.last().value() - prefix.first().value()} + 1) * sizeof(Word);
    void* const words = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (words == MAP_FAILED) {
      return fail(ExitCode::Runtime,
                  fmt::format("no address space for the neighbours of {}", prefix.to_string()));
    }
    // Zero pages are valid atomics that hold 0.
    made.tables_.push_back(Table{prefix, static_cast<Word*>(words), bytes});
  }
  if (config.gateway_mac) {
    made.gateway_->store(kResolved | config.gateway_mac->to_integer());
    made.has_gateway_ = true;
    made.gateway_fixed_ = config.gateway_mac_stands;
  }
  if (config.gateway) {
    made.gateway_address_ = *config.gateway;
    made.has_gateway_ = true;
  }
  return made;
}

Neighbours::Neighbours(Neighbours&& other) noexcept
    : tables_{std::exchange(other.tables_, {})},
      gateway_{std::move(other.gateway_)},
      gateway_address_{other.gateway_address_},
      has_gateway_{other.has_gateway_},
      gateway_fixed_{other.gateway_fixed_} {}

Neighbours::~Neighbours() {
  for (const Table& table : tables_) munmap(table.words, table.bytes);
}

void Neighbours::learn(Ipv4Address address, MacAddress mac) noexcept {
  const std::uint64_t word = kResolved | mac.to_integer();
  for (const Table& table : tables_) {
    if (table.prefix.contains(address)) {
      table.words[offset(table, address)].store(word, std::memory_order_relaxed);
    }
  }
  if (gateway_address_ && address == *gateway_address_ && !gateway_fixed_) {
    gateway_->store(word, std::memory_order_relaxed);
  }
}

}  // namespace trawl::dataplane
