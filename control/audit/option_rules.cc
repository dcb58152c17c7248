#include "control/audit/option_rules.h"

#include <array>
#include <charconv>

namespace trawl::control {
namespace {

using enum ArgumentUse;

AuditResult<void> take_random_targets(AuditOptions& options, const OptionWord& word) {
  std::uint64_t count = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, count);
  if (error != std::errc{} || stop != end) {
    return bad_value(
        "ERROR: -iR argument must be the maximum number of random IPs you wish to scan (use 0 for "
        "unlimited)");
  }
  options.random_targets = count;
  return {};
}

constexpr std::array kTargetRules{
    OptionRule{{"iL", Required}, add_value<&AuditOptions::target_files>},
    OptionRule{{"iR", Required}, take_random_targets},
    OptionRule{{"scope", Required}, add_value<&AuditOptions::scopes>},
    OptionRule{{"exclude", Required}, add_value<&AuditOptions::excludes>},
    OptionRule{{"excludefile", Required}, add_value<&AuditOptions::exclude_files>},
    OptionRule{{"6"}, set_option<&AuditOptions::ipv6>},
    OptionRule{{"unique"}, set_option<&AuditOptions::unique>},
    OptionRule{{"resolve-all"}, set_option<&AuditOptions::resolve_all>},
    OptionRule{{"randomize-hosts"}, set_option<&AuditOptions::randomize_hosts>},
    OptionRule{{"n"},
               [](AuditOptions& options, const OptionWord&) -> AuditResult<void> {
                 options.reverse_dns = false;
                 return {};
               }},
    OptionRule{{"R"}, set_option<&AuditOptions::names_downs>},
    OptionRule{{"dns-servers", Required},
               [](AuditOptions& options, const OptionWord& word) -> AuditResult<void> {
                 options.names.servers = service::usable_servers(word.value);
                 return {};
               }},
    OptionRule{{"system-dns"},
               [](AuditOptions& options, const OptionWord&) -> AuditResult<void> {
                 options.names.asks_system = true;
                 return {};
               }},
};

}  // namespace

const std::vector<OptionRule>& option_rules() {
  static const std::vector<OptionRule> rules = [] {
    std::vector<OptionRule> all{kTargetRules.begin(), kTargetRules.end()};
    for (const auto part : {scan_option_rules(), timing_option_rules(), style_option_rules(),
                            report_option_rules(), through_option_rules(), version_option_rules(),
                            os_option_rules(), script_option_rules()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rules;
}

}  // namespace trawl::control
