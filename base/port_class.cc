#include "base/port_class.h"

#include <array>

namespace trawl {
namespace {

constexpr std::array<std::string_view, kPortClasses> kNames{
    "unknown", "service", "accepts", "zero-window", "resets", "tarpit", "middlebox"};

}  // namespace

std::string_view to_string(PortClass port_class) noexcept {
  return kNames[static_cast<std::size_t>(port_class)];
}

std::optional<PortClass> parse_port_class(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == text) return static_cast<PortClass>(i);
  }
  return std::nullopt;
}

}  // namespace trawl
