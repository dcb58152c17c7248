#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace trawl::control {

// Times of an audit: since it began, and lengths.
using Moment = std::chrono::microseconds;

// How patient and how fast an audit is: the numbers of Nmap's timing templates and options (Nmap
// book, "Timing Templates"). 0 of a limit is none.
struct Timing {
  int level = 3;
  Moment min_rtt{100'000};
  Moment max_rtt{10'000'000};
  Moment initial_rtt{1'000'000};
  unsigned max_retries = 10;
  bool retries_given = false;  // By the user: not to be exceeded for any reason.
  Moment scan_delay{0};
  Moment max_tcp_delay{1'000'000};
  Moment max_udp_delay{1'000'000};
  Moment host_timeout{0};
  unsigned min_parallelism = 0;
  unsigned max_parallelism = 0;
  double min_rate = 0;  // Packets a second.
  double max_rate = 0;
  unsigned min_hostgroup = 0;
  unsigned max_hostgroup = 0;
};

// -T0 to -T5. Needs 0 <= level <= 5.
[[nodiscard]] Timing timing_template(int level) noexcept;
// "4", "aggressive"; nullopt when it is none.
[[nodiscard]] std::optional<int> parse_timing_level(std::string_view text) noexcept;
// "30", "1.5s", "200ms", "2m", "1h": seconds where no unit is given. nullopt when it is no time.
[[nodiscard]] std::optional<Moment> parse_nmap_time(std::string_view text) noexcept;

}  // namespace trawl::control
