#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trawl::dataplane {

// A part of a UDP payload that differs from probe to probe: the cookie's sequence, in the width the
// protocol has for an identification, or the time stamp.
enum class UdpField : std::uint8_t {
  Id7,    // One byte below 128.
  Id16,   // The lower 16 bits.
  Id30,   // Four bytes that begin with the bits 01, so that BER never takes or adds one.
  Id32,   // All of it.
  IdHex,  // All of it as eight hex digits.
  Stamp   // ProbeStamp, four bytes.
};

[[nodiscard]] constexpr std::size_t size_of(UdpField field) noexcept {
  switch (field) {
    case UdpField::Id7: return 1;
    case UdpField::Id16: return 2;
    case UdpField::IdHex: return 8;
    default: return 4;
  }
}
// Which bits of the cookie's sequence the field holds.
[[nodiscard]] constexpr std::uint32_t mask_of(UdpField field) noexcept {
  switch (field) {
    case UdpField::Id7: return 0x7f;
    case UdpField::Id16: return 0xffff;
    case UdpField::Id30: return 0x3fffffff;
    case UdpField::Stamp: return 0;
    default: return 0xffffffff;
  }
}

struct UdpSlot {
  UdpField field = UdpField::Id32;
  std::uint16_t at = 0;  // Offset from the start of the payload.
};

// How a reply to a payload is told from anything else that comes from the same port. Steps run one
// after another from its first byte; a reply in which one of them fails is none.
struct UdpReplyStep {
  enum class Kind : std::uint8_t {
    Bytes,  // These bytes follow.
    Skip,   // `count` bytes, whatever they are.
    Field,  // `field` follows; hex digits in either case.
    Find,   // Go to behind the first place where these bytes are.
    Snmp    // A whole SNMP message (RFC 1157, RFC 3416, RFC 3412) with Id30 as its identification.
  };
  Kind kind = Kind::Skip;
  UdpField field = UdpField::Id32;
  std::uint16_t count = 0;
  std::vector<std::byte> bytes;
};

// What is sent to some ports, and what comes back.
struct UdpPayload {
  static constexpr std::size_t kMostBytes = 1400;
  static constexpr std::size_t kMostSlots = 8;

  std::string name;  // "" for none.
  std::vector<std::uint16_t> ports;
  std::vector<std::byte> bytes;  // Zero where slots are.
  std::vector<UdpSlot> slots;    // None reaches behind `bytes`.
  std::vector<UdpReplyStep> reply;
  bool any_port = false;  // The reply may come from another port of the target; needs one port.
};

}  // namespace trawl::dataplane
