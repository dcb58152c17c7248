#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace trawl {

enum class LogLevel { Debug, Info, Warning, Error };

// Messages for the operator, to standard error. Never from a polling core.
//
// Kept apart from spdlog's headers so that only log.cc pays for them.
//
// Thread: any but a polling core.
void set_log_level(LogLevel lowest);
void log_line(LogLevel level, std::string_view message);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::Debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::Info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::Warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::Error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace trawl
