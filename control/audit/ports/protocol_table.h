#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/ports/data_file.h"

namespace trawl::control {

// What the 256 protocols over IP are called: Nmap's nmap-protocols, or data/protocols where that is
// not installed. A line is NAME NUMBER; of several for one number the first counts, and lines that
// are wrong are passed over.
class ProtocolTable {
 public:
  // From nmap-protocols of data_folders(), else from the table compiled in.
  [[nodiscard]] static ProtocolTable load(const std::string& datadir);
  [[nodiscard]] static ProtocolTable parse(SharedText text);
  [[nodiscard]] static ProtocolTable builtin();

  // "" if it has none.
  [[nodiscard]] std::string_view name(std::uint8_t number) const noexcept { return names_[number]; }
  // Rising, all whose name matches_pattern().
  [[nodiscard]] std::vector<std::uint16_t> matching(std::string_view pattern) const;
  // Rising, all that have a name.
  [[nodiscard]] std::vector<std::uint16_t> all() const { return matching("*"); }

 private:
  void read(std::string_view text);

  SharedText text_;  // What the names are in, unless they are compiled in.
  std::array<std::string_view, 256> names_{};
};

}  // namespace trawl::control
