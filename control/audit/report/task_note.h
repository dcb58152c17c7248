#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace trawl::control {

// Seconds that a task still takes, and so when it is over.
struct TimeLeft {
  std::chrono::duration<double> seconds{0};
  std::chrono::system_clock::time_point over;
};

// What is to be told of a task of an audit ("SYN Stealth Scan") while it runs.
struct TaskNote {
  enum class Kind { Begin, Progress, End };

  Kind kind = Kind::Begin;
  std::string task;
  std::chrono::system_clock::time_point now;
  std::chrono::duration<double> elapsed{0};  // Since it began.
  double share = 0;                          // Of it that is done, from 0 to 1.
  std::optional<TimeLeft> left{};            // nullopt where nobody can tell.
  std::string extra{};                       // At the end: "22 total ports", "" for nothing.
};

}  // namespace trawl::control
