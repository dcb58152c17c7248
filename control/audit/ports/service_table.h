#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/command_words.h"
#include "control/audit/port_report.h"
#include "control/audit/ports/data_file.h"

namespace trawl::control {

// What the services of ports are called and how often each is found open: Nmap's nmap-services
// (Nmap book, "Well Known Port List"), or data/services where that is not installed.
//
// A line is NAME PORT/PROTOCOL FREQUENCY, the frequency from 0 to below 1, also as A/B, 0 if
// missing. Of several lines for one port the first counts. Lines that are wrong are passed over.
//
// Cost: reads Nmap's table of 27,000 lines in about four milliseconds.
class ServiceTable {
 public:
  // From `servicedb`, else from nmap-services of data_folders(), else from the table compiled in.
  // Both may be "". Fails if there is a servicedb that cannot be read, in Nmap's words.
  [[nodiscard]] static AuditResult<ServiceTable> load(const std::string& datadir,
                                                      const std::string& servicedb);
  // From text in that format.
  [[nodiscard]] static ServiceTable parse(SharedText text);
  // The table compiled in.
  [[nodiscard]] static ServiceTable builtin();

  // "" if it has none.
  [[nodiscard]] std::string_view name(PortProtocol protocol, std::uint16_t port) const noexcept;
  // All that have an entry, by falling frequency, the equal ones as they are in the table.
  [[nodiscard]] std::vector<std::uint16_t> ranked(PortProtocol protocol) const;
  // The first `count` of those.
  [[nodiscard]] std::vector<std::uint16_t> top(PortProtocol protocol, std::size_t count) const;
  // Rising, all that are found open at least that often.
  [[nodiscard]] std::vector<std::uint16_t> by_ratio(PortProtocol protocol, double ratio) const;
  // Rising, all whose name matches_pattern().
  [[nodiscard]] std::vector<std::uint16_t> matching(PortProtocol protocol,
                                                    std::string_view pattern) const;
  // Rising, all from `first` to `last` that have an entry.
  [[nodiscard]] std::vector<std::uint16_t> all(PortProtocol protocol, std::uint16_t first = 0,
                                               std::uint16_t last = 65535) const;
  [[nodiscard]] bool empty() const noexcept;

 private:
  struct Entry {
    double frequency;
    std::string_view name;
    std::uint16_t port;
  };
  struct Services {
    std::vector<Entry> entries;          // As they are in the table.
    std::vector<std::uint32_t> by_port;  // One more than its entry's place, 0 for none; or empty.
  };

  void read(std::string_view text);
  template <typename Want>
  [[nodiscard]] std::vector<std::uint16_t> those(PortProtocol protocol, Want want) const;
  [[nodiscard]] const Services& services(PortProtocol protocol) const noexcept {
    return services_[static_cast<std::size_t>(protocol)];
  }

  SharedText text_;  // What the names are in, unless they are compiled in.
  std::array<Services, kPortProtocols> services_;
};

}  // namespace trawl::control
