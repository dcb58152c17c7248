#include "control/audit/option_rules.h"

#include <array>

namespace trawl::control {
namespace {

using enum ArgumentUse;

constexpr std::array kTargetRules{
    OptionRule{{"iL", Required}, add_value<&AuditOptions::target_files>},
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
};

}  // namespace

const std::vector<OptionRule>& option_rules() {
  static const std::vector<OptionRule> rules = [] {
    std::vector<OptionRule> all{kTargetRules.begin(), kTargetRules.end()};
    for (const auto part : {scan_option_rules(), timing_option_rules(), style_option_rules(),
                            report_option_rules()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rules;
}

}  // namespace trawl::control
