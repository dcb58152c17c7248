#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "osfp/passive/syn_ack.h"

namespace trawl::osfp {

// Of a signature: how the window is made.
enum class WindowRule : std::uint8_t {
  Any,           // *
  Exact,         // 65535
  MultipleOf,    // %8192: any multiple
  TimesMss,      // mss*20, of the packet's own MSS
  TimesPacket,   // mtu*4, of the packet's MSS and the headers that it leaves room for
  TimesSegment,  // seg*20, of the packet's MSS less its timestamps
  SegmentsIn,    // seg<65535: as many such segments as fit
};

// How well a packet suits a signature.
struct Fit {
  bool is_ttl_right = true;   // The distance is plausible.
  bool is_path_right = true;  // DF and identification are as the signature says.
};

// One line of a signature file: how SYN-ACKs of a stack look, in the format of p0f 3 (its README,
// "TCP signatures"):
//
//   ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass
//
//   ver      4, 6 or *
//   ittl     the initial TTL: 64, or 57+7 (arrived and hops), or 64- when it says nothing
//   olen     bytes of IPv4 options
//   mss      a number, or *
//   wsize    a number, *, %N, mss*N or mtu*N; and, which p0f does not know, seg*N or seg<N
//   scale    a number, or *; 0 stands for no option too
//   olayout  eol+N, nop, mss, ws, sok, sack, ts, ?N, separated by commas; may be empty
//   quirks   names as of Quirk, separated by commas; may be empty
//   pclass   0 no data, + some, * either
struct Signature {
  // No host is farther: what arrives lower was sent with another TTL.
  static constexpr std::uint8_t kMostHops = 40;

  std::optional<std::uint8_t> ip_version;
  std::uint8_t initial_ttl = 64;
  bool is_ttl_telling = true;
  std::uint8_t ip_options_size = 0;
  std::optional<std::uint16_t> mss;
  WindowRule window_rule = WindowRule::Any;
  std::uint16_t window = 0;  // The number in the rule; never 0 for MultipleOf.
  std::optional<std::uint8_t> scale;
  OptionLayout layout;
  Quirks quirks;
  std::optional<bool> has_data;

  // Fails with BadInput, saying which field is wrong and why; needs no line of its own.
  [[nodiscard]] static Result<Signature> parse(std::string_view text);
  // What parse() reads.
  [[nodiscard]] std::string print() const;

  // nullopt when a field that no path changes is another. Layout and quirks, but for
  // path_quirks(), are taken to be equal: what looks signatures up has found them by these.
  [[nodiscard]] std::optional<Fit> fit(const SynAckFacts& facts) const noexcept;
};

}  // namespace trawl::osfp
