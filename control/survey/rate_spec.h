#pragma once

#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/units.h"

namespace trawl::control {

// The sending rate a user asked for, in the unit it was asked in.
class RateSpec {
 public:
  explicit RateSpec(PacketsPerSecond rate) : rate_{rate} {}
  explicit RateSpec(BitsPerSecond rate) : rate_{rate} {}

  // Packets: "1000", "50k", "1.2M", "10Mpps". Bits on the wire: "100Mbps", "1Gbit", "1.5Gbit/s".
  // No limit: "max". Found out on the way: "auto". k, M and G are powers of ten and may be written
  // in either case. Fails with Usage, naming `option`: zero, negative, not a number, under 0.001
  // packets/s or over 10^12.
  [[nodiscard]] static Result<RateSpec> parse(std::string_view text, std::string_view option);

  // Likewise, but neither "max" nor "auto".
  [[nodiscard]] static Result<RateSpec> parse_plain(std::string_view text, std::string_view option);

  // `--rate auto`: congestion control, starting at kAutoStart.
  static constexpr PacketsPerSecond kAutoStart{5000.0};
  [[nodiscard]] static RateSpec automatic() noexcept;
  [[nodiscard]] bool is_automatic() const noexcept { return automatic_; }

  [[nodiscard]] bool is_unlimited() const noexcept;
  // The packet rate for frames of `frame` bytes (without frame check sequence); unlimited() stays
  // unlimited.
  [[nodiscard]] PacketsPerSecond for_frame(ByteCount frame) const noexcept;

 private:
  std::variant<PacketsPerSecond, BitsPerSecond> rate_;
  bool automatic_ = false;
};

}  // namespace trawl::control
