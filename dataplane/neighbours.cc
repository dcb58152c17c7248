#include "dataplane/neighbours.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <utility>

namespace trawl::dataplane {
namespace {

std::string describe(const Ipv4Prefix& prefix) { return prefix.to_string(); }
std::string describe(const Ipv6Set& targets) {
  return fmt::format("{} targets on the link", OnLink<Ipv6Address>::Table::size_for(targets));
}

}  // namespace

template <typename Address>
Result<BasicNeighbours<Address>> BasicNeighbours<Address>::make(const Config& config) {
  BasicNeighbours made;
  for (const auto& range : config.on_link) {
    const std::uint64_t size = Table::size_for(range);
    void* const words = mmap(nullptr, size * sizeof(Word), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (words == MAP_FAILED) {
      return fail(ExitCode::Runtime,
                  fmt::format("no address space for the neighbours of {}", describe(range)));
    }
    // Zero pages are valid atomics that hold 0.
    made.memory_.push_back({static_cast<Word*>(words), size});
    made.tables_.push_back(Table{range, static_cast<Word*>(words)});
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

template <typename Address>
BasicNeighbours<Address>::BasicNeighbours(BasicNeighbours&& other) noexcept
    : tables_{std::exchange(other.tables_, {})},
      memory_{std::exchange(other.memory_, {})},
      gateway_{std::move(other.gateway_)},
      gateway_address_{other.gateway_address_},
      has_gateway_{other.has_gateway_},
      gateway_fixed_{other.gateway_fixed_} {}

template <typename Address>
BasicNeighbours<Address>::~BasicNeighbours() {
  for (const auto& words : memory_) munmap(words.data(), words.size_bytes());
}

template <typename Address>
void BasicNeighbours<Address>::learn(Address address, MacAddress mac) noexcept {
  const std::uint64_t word = kResolved | mac.to_integer();
  for (const Table& table : tables_) {
    if (Word* const own = table.find(address)) own->store(word, std::memory_order_relaxed);
  }
  if (gateway_address_ && address == *gateway_address_ && !gateway_fixed_) {
    gateway_->store(word, std::memory_order_relaxed);
  }
}

template class BasicNeighbours<Ipv4Address>;
template class BasicNeighbours<Ipv6Address>;

}  // namespace trawl::dataplane
