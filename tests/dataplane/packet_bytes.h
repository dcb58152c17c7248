#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "dataplane/packet/craft.h"

// Packets as text of hex digits, for tests that craft or read whole ones.
namespace trawl::dataplane {

using Bytes = std::vector<std::byte>;

[[nodiscard]] inline std::string hex_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

// Blanks are skipped. Needs digits in pairs.
[[nodiscard]] inline Bytes from_hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

[[nodiscard]] inline Bytes bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span{text});
  return {view.begin(), view.end()};
}

// In a buffer of exactly its size, so that the address sanitizer sees a read past its end.
[[nodiscard]] inline Bytes crafted(const PacketSpec& spec) {
  Bytes room(65535);
  const std::size_t size = craft_packet(spec, room);
  return {room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size)};
}

[[nodiscard]] inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

}  // namespace trawl::dataplane
