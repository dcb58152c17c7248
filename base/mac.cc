#include "base/mac.h"

#include <fmt/format.h>

#include <charconv>

namespace trawl {

std::optional<MacAddress> MacAddress::parse(std::string_view text) noexcept {
  constexpr std::size_t kTextSize = 17;
  if (text.size() != kTextSize || (text[2] != ':' && text[2] != '-')) return std::nullopt;
  Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* const pair = text.data() + 3 * i;
    if (i > 0 && text[3 * i - 1] != text[2]) return std::nullopt;
    const auto [end, error] = std::from_chars(pair, pair + 2, bytes[i], 16);
    if (error != std::errc{} || end != pair + 2) return std::nullopt;
  }
  return MacAddress{bytes};
}

std::string MacAddress::to_string() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes_[0], bytes_[1], bytes_[2],
                     bytes_[3], bytes_[4], bytes_[5]);
}

}  // namespace trawl
