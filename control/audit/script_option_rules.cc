#include <array>
#include <charconv>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;

constexpr unsigned kMostCores = 64;

template <auto Member>
Taken set(AuditOptions& options, const OptionWord& /*word*/) {
  options.scripts.*Member = true;
  return {};
}

template <auto Member>
Taken add(AuditOptions& options, const OptionWord& word) {
  (options.scripts.*Member).push_back(word.value);
  return {};
}

Taken choose(AuditOptions& options, const OptionWord& word) {
  options.scripts.are_wanted = true;
  return add<&ScriptOptions::choices>(options, word);
}

Taken take_timeout(AuditOptions& options, const OptionWord& word) {
  const auto time = parse_nmap_time(word.value);
  if (!time || *time < Moment{0}) {
    return bad_value("Bogus --script-timeout argument specified");
  }
  options.scripts.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*time);
  return {};
}

Taken take_cores(AuditOptions& options, const OptionWord& word) {
  unsigned cores = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, cores);
  if (error != std::errc{} || stop != end || cores == 0 || cores > kMostCores) {
    return bad_value("--script-cores must be between 1 and 64");
  }
  options.scripts.cores = cores;
  return {};
}

constexpr std::array kRules{
    OptionRule{{"script", Required}, choose},
    OptionRule{{"script-args", Required}, add<&ScriptOptions::arguments>},
    OptionRule{{"script-args-file", Required},
               [](AuditOptions& options, const OptionWord& word) -> Taken {
                 options.scripts.arguments_file = word.value;
                 return {};
               }},
    OptionRule{{"script-timeout", Required}, take_timeout},
    OptionRule{{"script-trace"}, set<&ScriptOptions::is_traced>},
    OptionRule{{"script-cores", Required}, take_cores},
    OptionRule{{"script-help", Required}, add<&ScriptOptions::help>},
    OptionRule{{"script-updatedb"}, set<&ScriptOptions::updates_database>},
    OptionRule{{"script-sandbox"}, set<&ScriptOptions::is_sandboxed>},
    OptionRule{{"no-script-sandbox"},
               [](AuditOptions& options, const OptionWord& /*word*/) -> Taken {
                 options.scripts.is_sandboxed = false;
                 return {};
               }},
};

}  // namespace

std::span<const OptionRule> script_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
