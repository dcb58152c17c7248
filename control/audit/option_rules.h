#pragma once

#include <span>
#include <string_view>

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
[[nodiscard]] std::span<const OptionRule> option_rules() noexcept;

// An option of Nmap 7.93's that trawl does not do yet.
struct LaterOption {
  OptionName name;
  std::string_view what;
};
[[nodiscard]] std::span<const LaterOption> later_options() noexcept;

}  // namespace trawl::control
