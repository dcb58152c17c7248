#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/interval_set.h"

namespace trawl::control {

// Every combination of four choices of octets: "198.18.0-3.1,5,9-20".
class OctetRanges {
 public:
  // Parses the spec that `text` starts with; see target_spec.h for where it ends. Sets `used` to
  // its length or, on failure, to the end of the piece at fault, and returns why it is none.
  [[nodiscard]] std::optional<std::string> parse(std::string_view text, std::size_t& used);

  // How many separate ranges of addresses this is. Needs a successful parse().
  [[nodiscard]] std::size_t range_count() const;
  void add_to(Ipv4Set& set) const;

 private:
  using Octet = std::bitset<256>;

  // The number of octets in front of those that are whole to the end.
  [[nodiscard]] std::size_t significant() const;
  void add_from(std::size_t octet, std::uint32_t prefix, Ipv4Set& set) const;

  std::array<Octet, 4> octets_;
};

}  // namespace trawl::control
