#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/syn_ack_head.h"
#include "osfp/passive/option_layout.h"

namespace trawl::osfp {

// Small habits of a stack, by the names that signature files give them.
enum class Quirk : std::uint8_t {
  DontFragment,     // df
  IdWithDf,         // id+: an identification where DF says that nothing is fragmented (RFC 6864)
  NoId,             // id-: none though it may be fragmented
  Ecn,              // ecn: any bit of RFC 3168
  ReservedBit,      // 0+: the first bit of the IPv4 flags, or one that TCP reserves
  FlowLabel,        // flow: of IPv6
  ZeroSequence,     // seq-
  StrayAck,         // ack+: an acknowledgment number without ACK; never of a SYN-ACK
  ZeroAck,          // ack-
  StrayUrgent,      // uptr+: an urgent pointer without URG
  Urgent,           // urgf+
  Push,             // pushf+
  ZeroStamp,        // ts1-: its own timestamp is 0
  PeerStamp,        // ts2+: an echoed timestamp in a first SYN; never of a SYN-ACK
  OptionTrailer,    // opt+: bytes other than 0 after the end of options
  ExcessiveScale,   // exws: a window scale over 14 (RFC 7323 section 2.3)
  MalformedOptions  // bad
};
inline constexpr std::size_t kQuirks = 17;

[[nodiscard]] std::string_view to_string(Quirk quirk) noexcept;
[[nodiscard]] std::optional<Quirk> find_quirk(std::string_view name) noexcept;

class Quirks {
 public:
  constexpr Quirks() noexcept = default;
  constexpr void add(Quirk quirk) noexcept { bits_ |= bit(quirk); }
  constexpr void add_if(Quirk quirk, bool holds) noexcept {
    if (holds) add(quirk);
  }
  [[nodiscard]] constexpr bool has(Quirk quirk) const noexcept { return (bits_ & bit(quirk)) != 0; }
  [[nodiscard]] constexpr Quirks without(Quirks others) const noexcept {
    Quirks rest;
    rest.bits_ = bits_ & ~others.bits_;
    return rest;
  }
  [[nodiscard]] constexpr Quirks only(Quirks others) const noexcept {
    Quirks rest;
    rest.bits_ = bits_ & others.bits_;
    return rest;
  }
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }
  friend constexpr bool operator==(Quirks, Quirks) noexcept = default;

 private:
  [[nodiscard]] static constexpr std::uint32_t bit(Quirk quirk) noexcept {
    return 1U << static_cast<unsigned>(quirk);
  }
  std::uint32_t bits_ = 0;
};

// What routers, firewalls and the kernel's own settings for a path change: DF and the
// identification. A packet that differs in nothing else may still be of the stack.
[[nodiscard]] constexpr Quirks path_quirks() noexcept {
  Quirks quirks;
  quirks.add(Quirk::DontFragment);
  quirks.add(Quirk::IdWithDf);
  quirks.add(Quirk::NoId);
  return quirks;
}

// What one SYN-ACK says of the stack that made it.
struct SynAckFacts {
  std::uint8_t ip_version = 4;
  std::uint8_t ttl = 0;              // Or hop limit, as it arrived.
  std::uint8_t ip_options_size = 0;  // In bytes, of IPv4.
  std::uint8_t scale = 0;            // 0 without the option.
  std::uint16_t mss = 0;             // 0 without the option.
  std::uint16_t window = 0;          // As it stands there: that of a SYN is never scaled.
  bool has_data = false;
  bool has_stamp = false;
  std::uint32_t stamp = 0;  // TSval.
  Quirks quirks;
  OptionLayout layout;
};

// Reads an IPv4 or IPv6 packet. nullopt when it is no whole SYN-ACK: another flag than those of
// ECN, PSH and URG is set, it is cut off, a fragment, or has IPv6 extension headers. Options with
// wrong lengths are a quirk; those before them are read. Checksums are not looked at.
//
// Thread: any. Cost: one pass over the options; allocates nothing; timed by bench/osfp.
[[nodiscard]] std::optional<SynAckFacts> read_syn_ack(std::span<const std::byte> packet) noexcept;
// Likewise of its headers, as a receiving core hands them on.
[[nodiscard]] SynAckFacts facts_of(const dataplane::SynAckHead& head) noexcept;

// The initial TTL that a packet which arrives with `ttl` most likely had: the next of 32, 64, 128
// and 255.
[[nodiscard]] constexpr std::uint8_t likely_initial_ttl(std::uint8_t ttl) noexcept {
  if (ttl <= 32) return 32;
  if (ttl <= 64) return 64;
  return ttl <= 128 ? 128 : 255;
}

}  // namespace trawl::osfp
