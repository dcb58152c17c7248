#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/report/task_note.h"

// What Nmap tells of a run while it goes on, in its words.
namespace trawl::control {

// By the pace so far. nullopt before there is one, and for more than a hundred years.
[[nodiscard]] std::optional<TimeLeft> time_left(double share, std::chrono::duration<double> elapsed,
                                                std::chrono::system_clock::time_point now);
// "0:01:02", whole seconds.
[[nodiscard]] std::string duration_text(std::chrono::duration<double> time);
// "Stats: 0:00:11 elapsed; 0 hosts completed (1 up), 1 undergoing SYN Stealth Scan"
[[nodiscard]] std::string stats_line(std::chrono::duration<double> elapsed, std::uint64_t completed,
                                     std::uint64_t up, std::uint64_t undergoing,
                                     std::string_view task);
// "Initiating SYN Stealth Scan at 08:02", "Completed SYN Stealth Scan at 08:02, 0.22s elapsed (22
// total ports)", "SYN Stealth Scan Timing: About 33.33% done; ETC: 20:57 (0:00:12 remaining)".
[[nodiscard]] std::string task_line(const TaskNote& note);
// The same for XML: <taskbegin/>, <taskprogress/>, <taskend/>.
[[nodiscard]] std::string task_element(const TaskNote& note);

}  // namespace trawl::control
