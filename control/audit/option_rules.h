#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/command_words.h"

namespace trawl::control {

// What one option of Nmap's does to the options of an audit.
struct OptionRule {
  using Take = AuditResult<void> (*)(AuditOptions& options, const OptionWord& word);

  OptionName name;
  Take take = nullptr;
};

// The options that trawl knows how to do.
[[nodiscard]] const std::vector<OptionRule>& option_rules();

// For rules that set a member, or add the value to one.
template <auto Member>
AuditResult<void> set_option(AuditOptions& options, const OptionWord& /*word*/) {
  options.*Member = true;
  return {};
}
template <auto Member>
AuditResult<void> keep_value(AuditOptions& options, const OptionWord& word) {
  options.*Member = word.value;
  return {};
}
template <auto Member>
AuditResult<void> add_value(AuditOptions& options, const OptionWord& word) {
  (options.*Member).push_back(word.value);
  return {};
}

// Parts of option_rules(), by what they are for.
[[nodiscard]] std::span<const OptionRule> scan_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> timing_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> style_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> report_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> through_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> version_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> os_option_rules() noexcept;
[[nodiscard]] std::span<const OptionRule> script_option_rules() noexcept;

// An option of Nmap 7.93's that trawl does not do yet.
struct LaterOption {
  OptionName name;
  std::string_view what;
};
[[nodiscard]] std::span<const LaterOption> later_options() noexcept;

}  // namespace trawl::control
