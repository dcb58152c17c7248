#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ip.h"

// Values as text into a buffer: each function writes at `out` and returns the end of what it wrote.
// Nothing is checked and nothing allocated; the caller has the room.
namespace trawl::control {

inline char* put(char* out, std::string_view text) noexcept {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

inline char* put_number(char* out, std::uint64_t value) noexcept {
  constexpr std::ptrdiff_t kMostDigits = 20;
  return std::to_chars(out, out + kMostDigits, value).ptr;
}

// `value` in exactly `width` digits.
inline char* put_padded(char* out, unsigned value, unsigned width) noexcept {
  for (unsigned i = width; i > 0; --i) {
    out[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + width;
}

// Writes up to 15 bytes, and scratches one behind them.
char* put_address(char* out, Ipv4Address address) noexcept;
// Writes up to 39 bytes, and scratches one behind them.
char* put_address(char* out, const IpAddress& address) noexcept;

// Whole seconds since 1970, 0 for times before.
[[nodiscard]] std::uint64_t unix_seconds(std::chrono::system_clock::time_point time) noexcept;

// Microseconds of UTC as "2026-01-02T03:04:05.123456Z", with the second kept from call to call:
// replies come nearly in order, and breaking a time down costs more than the rest of a line.
class TimestampWriter {
 public:
  static constexpr std::size_t kSize = 27;

  // Writes kSize bytes at `out`. Times outside the years 0-9999 are moved to their edge.
  char* write(char* out, std::chrono::system_clock::time_point time) noexcept;

 private:
  std::chrono::sys_seconds second_{std::chrono::seconds::min()};
  std::array<char, 20> text_{};  // "2026-01-02T03:04:05."
};

}  // namespace trawl::control
