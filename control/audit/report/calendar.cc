#include "control/audit/report/calendar.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace trawl::control {
namespace {

std::tm local_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm broken{};
  localtime_r(&seconds, &broken);
  return broken;
}

std::string escape(char letter, const std::tm& time) {
  switch (letter) {
    case 'H': return fmt::format("{:%H}", time);
    case 'M': return fmt::format("{:%M}", time);
    case 'S': return fmt::format("{:%S}", time);
    case 'm': return fmt::format("{:%m}", time);
    case 'd': return fmt::format("{:%d}", time);
    case 'y': return fmt::format("{:%y}", time);
    case 'Y': return fmt::format("{:%Y}", time);
    case 'T': return fmt::format("{:%H%M%S}", time);
    case 'R': return fmt::format("{:%H%M}", time);
    case 'D': return fmt::format("{:%m%d%y}", time);
    default: return std::string(1, letter);
  }
}

}  // namespace

std::string calendar_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%a %b %e %H:%M:%S %Y}", local_time(time));
}

std::string clock_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d %H:%M %Z}", local_time(time));
}

std::string minute_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%H:%M}", local_time(time));
}

std::string second_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S %Z}", local_time(time));
}

std::string expand_file_name(std::string_view name, std::chrono::system_clock::time_point time) {
  const std::tm local = local_time(time);
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      out += name[i];
    } else if (++i < name.size()) {
      out += escape(name[i], local);
    }
  }
  return out;
}

}  // namespace trawl::control
