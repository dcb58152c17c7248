#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace trawl::osfp {

// The options of one TCP header (RFC 9293 section 3.1: at most 40 bytes), as OS detection looks at
// them: their order, and the values of those that every stack knows.
class TcpOptions {
 public:
  static constexpr std::size_t kMostBytes = 40;

  TcpOptions() noexcept = default;
  // Keeps the first kMostBytes.
  explicit TcpOptions(std::span<const std::byte> bytes) noexcept;

  struct Stamps {
    std::uint32_t value = 0;
    std::uint32_t echo = 0;
  };
  // The first timestamp option (RFC 7323 section 3.2).
  [[nodiscard]] std::optional<Stamps> stamps() const noexcept;
  // The order and values as the O tests write them: L end of list, N no operation, Mhex MSS, Whex
  // window scale, Txy timestamps with each of both 0 or 1, S selective acknowledgment permitted.
  // Options of other kinds
  // have no letter. What follows an end of list is read on: stacks are known by how they pad.
  // nullopt when a length is wrong, and the rest cannot be read.
  [[nodiscard]] std::optional<std::string> signature() const;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, kMostBytes> bytes_{};
  std::uint8_t size_ = 0;
};

}  // namespace trawl::osfp
