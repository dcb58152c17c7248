#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace trawl::service {

// A set of the 256 bytes.
struct ByteSet {
  std::array<std::uint64_t, 4> words{};

  [[nodiscard]] static constexpr ByteSet all() noexcept { return ~ByteSet{}; }

  constexpr void add(unsigned char byte) noexcept {
    words[byte / 64U] |= std::uint64_t{1} << (byte % 64U);
  }
  constexpr void add_range(unsigned char first, unsigned char last) noexcept {
    for (unsigned byte = first; byte <= last; ++byte) add(static_cast<unsigned char>(byte));
  }
  [[nodiscard]] constexpr bool has(unsigned char byte) const noexcept {
    return (words[byte / 64U] >> (byte % 64U) & 1U) != 0;
  }
  [[nodiscard]] constexpr std::size_t count() const noexcept {
    std::size_t bytes = 0;
    for (const std::uint64_t word : words) bytes += static_cast<std::size_t>(std::popcount(word));
    return bytes;
  }
  template <typename Call>
  constexpr void for_each(Call&& call) const {
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (std::uint64_t left = words[i]; left != 0; left &= left - 1) {
        call(static_cast<unsigned char>(64 * i + static_cast<unsigned>(std::countr_zero(left))));
      }
    }
  }

  constexpr ByteSet& operator|=(const ByteSet& other) noexcept {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] |= other.words[i];
    return *this;
  }
  constexpr ByteSet& operator&=(const ByteSet& other) noexcept {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] &= other.words[i];
    return *this;
  }
  constexpr ByteSet operator~() const noexcept {
    ByteSet others;
    for (std::size_t i = 0; i < words.size(); ++i) others.words[i] = ~words[i];
    return others;
  }
  constexpr auto operator<=>(const ByteSet&) const noexcept = default;
};

}  // namespace trawl::service
