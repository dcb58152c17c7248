#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace trawl::simnet {

// The four bytes whose CRC-32 (ISO/IEC 8802-3) is `crc`. There is just one such text for each
// value, as four bytes enter the register whole: they are found by running it backwards.
[[nodiscard]] constexpr std::array<std::byte, 4> data_with_crc32(std::uint32_t crc) noexcept {
  constexpr std::uint32_t kPolynomial = 0xedb88320;  // Bits reversed, as in Ethernet.
  constexpr std::uint32_t kTopBit = 0x80000000;
  std::uint32_t state = ~crc;
  for (int bit = 0; bit < 32; ++bit) {
    // The polynomial was added when, and only when, the top bit is set now.
    const bool added = (state & kTopBit) != 0;
    state = (added ? state ^ kPolynomial : state) << 1U | (added ? 1U : 0U);
  }
  state = ~state;
  std::array<std::byte, 4> data{};
  for (unsigned i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(state >> (8 * i));
  return data;
}

}  // namespace trawl::simnet
