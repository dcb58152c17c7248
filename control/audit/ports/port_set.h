#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace trawl::control {

// Any of the 65,536 ports, one bit each. Cost: 8 KiB, and a range takes at most 1,024 steps.
class PortSet {
 public:
  [[nodiscard]] bool has(std::uint16_t port) const noexcept {
    return (words_[port / 64U] >> (port % 64U) & 1U) != 0;
  }
  void add(std::uint16_t port) noexcept { words_[port / 64U] |= std::uint64_t{1} << (port % 64U); }
  void add(const PortSet& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  void remove(const PortSet& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  }
  [[nodiscard]] bool meets(const PortSet& other) const noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if ((words_[i] & other.words_[i]) != 0) return true;
    }
    return false;
  }
  [[nodiscard]] bool empty() const noexcept { return words_ == Words{}; }
  // Leaves what both have.
  void keep(const PortSet& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }

  // Those from `first` to `last`, both with it. Needs first <= last.
  [[nodiscard]] static PortSet range(std::uint16_t first, std::uint16_t last) noexcept {
    PortSet set;
    for (std::size_t i = first / 64U; i <= last / 64U; ++i) set.words_[i] = ~std::uint64_t{0};
    set.words_[first / 64U] &= ~std::uint64_t{0} << (first % 64U);
    set.words_[last / 64U] &= ~std::uint64_t{0} >> (63U - last % 64U);
    return set;
  }
  [[nodiscard]] static PortSet of(const std::vector<std::uint16_t>& ports) noexcept {
    PortSet set;
    for (const std::uint16_t port : ports) set.add(port);
    return set;
  }
  // In rising order.
  [[nodiscard]] std::vector<std::uint16_t> to_vector() const {
    std::vector<std::uint16_t> ports;
    for (std::uint32_t port = 0; port < 65536; ++port) {
      if (has(static_cast<std::uint16_t>(port))) ports.push_back(static_cast<std::uint16_t>(port));
    }
    return ports;
  }

 private:
  using Words = std::array<std::uint64_t, 1024>;
  Words words_{};
};

}  // namespace trawl::control
