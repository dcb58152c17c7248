#pragma once

#include <chrono>
#include <string>

namespace trawl::control {

// "Sun Nov 22 02:18:40 2026", in this system's time zone.
[[nodiscard]] std::string calendar_time(std::chrono::system_clock::time_point time);
// "2026-11-22 02:18 UTC", likewise.
[[nodiscard]] std::string clock_time(std::chrono::system_clock::time_point time);

}  // namespace trawl::control
