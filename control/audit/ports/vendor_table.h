#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mac.h"
#include "control/audit/ports/data_file.h"

namespace trawl::control {

// The first hex digits of a MAC address, as a number.
struct MacPrefix {
  std::uint64_t value = 0;
  unsigned digits = 0;  // 6, 7 or 9: what the IEEE assigns as MA-L, MA-M and MA-S.

  friend bool operator==(const MacPrefix&, const MacPrefix&) = default;
};

// Who made a network card: Nmap's nmap-mac-prefixes, read from data_folders() when first asked for.
// Nobody is known where that is not installed. A line is PREFIX NAME; wrong ones are passed over.
//
// Thread: any number of threads may ask.
// Cost:   reads Nmap's table of 32,000 lines in about four milliseconds.
class VendorTable {
 public:
  explicit VendorTable(std::string datadir) : datadir_{std::move(datadir)} {}
  // From text in that format.
  explicit VendorTable(SharedText text) : text_{std::move(text)} {}

  // By the longest prefix that fits; "" for none.
  [[nodiscard]] std::string_view vendor(const MacAddress& address) const;
  // The lowest prefix of a vendor with `text` anywhere in its name, in whatever case, as Nmap's
  // --spoof-mac takes it; none for "".
  [[nodiscard]] std::optional<MacPrefix> first_prefix_of_vendor(std::string_view text) const;

 private:
  struct Entry {
    std::uint64_t prefix;
    std::string_view name;
  };
  struct Length {
    unsigned digits;
    std::vector<Entry> entries;  // Rising.
  };

  void need_table() const;
  void read() const;

  std::string datadir_;
  mutable std::once_flag once_;
  mutable SharedText text_;
  mutable std::array<Length, 3> lengths_{Length{9, {}}, Length{7, {}}, Length{6, {}}};
};

}  // namespace trawl::control
