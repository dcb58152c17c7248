#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace trawl::control {

// An ICMP message (RFC 792, RFC 950, RFC 1256) as Nmap's traces tell of it: what goes before
// "(type=" and what behind "code=0) ". Of one whose quoted packet is cut, `is_whole` is false.
struct IcmpText {
  std::string name;
  std::string details;
  bool is_whole = true;
};
// Needs eight bytes.
[[nodiscard]] IcmpText icmp_text(std::span<const std::byte> message);

}  // namespace trawl::control
