#include <array>
#include <charconv>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;

constexpr unsigned kMostTries = 50;

template <auto Member>
Taken set(AuditOptions& options, const OptionWord& /*word*/) {
  options.os.*Member = true;
  return {};
}

// Nmap has had two ways of detection once, and takes what begins with the number of the one that is
// left.
Taken take_wanted(AuditOptions& options, const OptionWord& word) {
  if (word.value.starts_with('1')) {
    return bad_value("First-generation OS detection (-O1) is no longer supported. Use -O instead.");
  }
  if (!word.value.empty() && !word.value.starts_with('2')) {
    return bad_value("Unknown argument to -O.");
  }
  options.os.is_wanted = true;
  return {};
}

Taken take_tries(AuditOptions& options, const OptionWord& word) {
  unsigned tries = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, tries);
  if (error != std::errc{} || stop != end || tries < 1 || tries > kMostTries) {
    return bad_value(
        "Bogus --max-os-tries argument specified, must be between 1 and 50 (inclusive)");
  }
  options.os.most_tries = tries;
  return {};
}

constexpr std::array kRules{
    OptionRule{{"A"}, set_option<&AuditOptions::is_aggressive>},
    OptionRule{{"O", Optional}, take_wanted},
    OptionRule{{"osscan-limit"}, set<&OsSettings::only_promising>},
    OptionRule{{"osscan-guess"}, set<&OsSettings::guesses>},
    OptionRule{{"fuzzy"}, set<&OsSettings::guesses>},
    OptionRule{{"max-os-tries", Required}, take_tries},
    OptionRule{{"os-per-port"},
               [](AuditOptions& options, const OptionWord& /*word*/) -> Taken {
                 options.os.is_wanted = true;
                 options.os.per_port = true;
                 return {};
               }},
};

}  // namespace

std::span<const OptionRule> os_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
