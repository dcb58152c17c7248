#pragma once

#include <cstdint>

namespace trawl::dataplane {

// The timestamp (RFC 7323) of our segments after the handshake, which every segment of the peer
// echoes: it tells where the peer's bytes begin, so that the first one to arrive can be put in its
// place whether or not it is the first one sent, without memory of the handshake.
//
// 31      28 27     27 26    24 23                              0
// | time    | scales | attempt | peer's first sequence number    |
//
// PAWS (RFC 7323 section 5) holds: it is later than the timestamp of the probe that the peer saw
// before, by less than 2^29; all our segments of one connection have the same.
struct ConversationStamp {
  static constexpr std::uint32_t kSequenceMask = 0xffffff;
  // Any peer's byte we take lies less than this behind its first one.
  static constexpr std::uint32_t kMostOffset = 65536;

  // `probe` is the timestamp of the probe, `first` the sequence number behind the peer's SYN.
  // Needs attempt < 8; 0 is for unknown ones.
  [[nodiscard]] static constexpr std::uint32_t encode(std::uint32_t probe, std::uint32_t first,
                                                      unsigned attempt, bool scales) noexcept {
    const unsigned tag = attempt | (scales ? kScales : 0U);
    const std::uint32_t next = (probe >> 24U) + 1;
    const std::uint32_t high = next + ((tag - next) & 0xfU);
    return high << 24U | (first & kSequenceMask);
  }
  [[nodiscard]] static constexpr unsigned attempt(std::uint32_t stamp) noexcept {
    return stamp >> 24U & 0x7U;
  }
  [[nodiscard]] static constexpr bool scales(std::uint32_t stamp) noexcept {
    return (stamp >> 24U & kScales) != 0;
  }
  // How far behind the peer's first byte `sequence` lies: kMostOffset and more for a timestamp
  // that is none of ours.
  [[nodiscard]] static constexpr std::uint32_t offset(std::uint32_t stamp,
                                                      std::uint32_t sequence) noexcept {
    return (sequence - stamp) & kSequenceMask;
  }

 private:
  static constexpr unsigned kScales = 8;
};

}  // namespace trawl::dataplane
