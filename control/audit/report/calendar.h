#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace trawl::control {

// "Sun Nov 22 02:18:40 2026", in this system's time zone.
[[nodiscard]] std::string calendar_time(std::chrono::system_clock::time_point time);
// "2026-11-22 02:18 UTC", likewise.
[[nodiscard]] std::string clock_time(std::chrono::system_clock::time_point time);
// "02:18", likewise.
[[nodiscard]] std::string minute_time(std::chrono::system_clock::time_point time);
// "2026-11-22 02:18:40 UTC", likewise.
[[nodiscard]] std::string second_time(std::chrono::system_clock::time_point time);

// The name with the escapes of Nmap's output options for parts of `time`: %H %M %S %m %d %y %Y as
// in strftime(3), %T for %H%M%S, %R for %H%M, %D for %m%d%y. Before any other character the percent
// sign falls away, so "%%" is "%".
[[nodiscard]] std::string expand_file_name(std::string_view name,
                                           std::chrono::system_clock::time_point time);

}  // namespace trawl::control
