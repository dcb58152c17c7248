#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;

constexpr unsigned kLight = 2;
constexpr unsigned kAll = 9;
constexpr unsigned kMostConnections = 64;  // To a port at once.

// A whole number from `least` to `most`.
template <auto Member>
Taken take_number(AuditOptions& options, const OptionWord& word, unsigned least, unsigned most,
                  std::string_view name) {
  unsigned number = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most) {
    return bad_value(fmt::format("{} must be between {} and {}", name, least, most));
  }
  options.version.*Member = number;
  return {};
}

template <unsigned Intensity>
Taken set_intensity(AuditOptions& options, const OptionWord& /*word*/) {
  options.version.intensity = Intensity;
  return {};
}

template <auto Member>
Taken set(AuditOptions& options, const OptionWord& /*word*/) {
  options.version.*Member = true;
  return {};
}

using Version = AuditOptions::Version;

constexpr std::array kRules{
    OptionRule{{"version-intensity", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_number<&Version::intensity>(options, word, 0, kAll,
                                                         "version-intensity");
               }},
    OptionRule{{"version-light"}, set_intensity<kLight>},
    OptionRule{{"version-all"}, set_intensity<kAll>},
    OptionRule{{"version-trace"}, set<&Version::is_traced>},
    OptionRule{{"allports"}, set<&Version::all_ports>},
    OptionRule{{"strict-nmap"}, set<&Version::is_strict>},
    OptionRule{{"version-parallelism", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_number<&Version::parallelism>(options, word, 1, kMostConnections,
                                                           "version-parallelism");
               }},
    OptionRule{{"versiondb", Required},
               [](AuditOptions& options, const OptionWord& word) -> Taken {
                 options.version.database = word.value;
                 return {};
               }},
};

}  // namespace

std::span<const OptionRule> version_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
