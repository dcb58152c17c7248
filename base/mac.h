#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trawl {

// A 48-bit Ethernet address, in the order it has on the wire.
class MacAddress {
 public:
  using Bytes = std::array<std::uint8_t, 6>;

  constexpr MacAddress() noexcept = default;
  constexpr explicit MacAddress(const Bytes& bytes) noexcept : bytes_{bytes} {}
  // Six pairs of hex digits joined by ':' or by '-'; anything else is nullopt.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text) noexcept;
  [[nodiscard]] static constexpr MacAddress broadcast() noexcept {
    return MacAddress{Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  }
  // The lower 48 bits of `value`, most significant byte first.
  [[nodiscard]] static constexpr MacAddress from_integer(std::uint64_t value) noexcept {
    Bytes bytes{};
    for (unsigned i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (40U - 8U * i));
    return MacAddress{bytes};
  }
  [[nodiscard]] constexpr std::uint64_t to_integer() const noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes_) value = (value << 8U) | byte;
    return value;
  }
  [[nodiscard]] constexpr const Bytes& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string to_string() const;
  friend constexpr bool operator==(const MacAddress&, const MacAddress&) noexcept = default;

 private:
  Bytes bytes_{};
};

}  // namespace trawl
