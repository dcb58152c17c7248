#include "control/audit/audit_options.h"

#include <fmt/format.h>

#include <utility>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using Parsed = AuditResult<std::variant<AuditOptions, AuditQuestion>>;

constexpr std::array<OptionName, 4> kQuestions{{{"h", ArgumentUse::None},
                                                {"help", ArgumentUse::None},
                                                {"V", ArgumentUse::None},
                                                {"version", ArgumentUse::None}}};

// Of questions, of what trawl does, and of what it does not do yet, in this order.
std::vector<OptionName> all_names() {
  std::vector<OptionName> names{kQuestions.begin(), kQuestions.end()};
  for (const OptionRule& rule : option_rules()) names.push_back(rule.name);
  for (const LaterOption& later : later_options()) names.push_back(later.name);
  return names;
}

AuditResult<void> check(const AuditOptions& options) {
  int to_stdout = 0;
  for (const AuditOptions::Output& output : options.outputs)
    to_stdout += output.path == "-" ? 1 : 0;
  if (to_stdout > 1) return bad_value("Cannot display multiple output types to stdout.");
  return {};
}

}  // namespace

Parsed parse_audit_options(std::span<const char* const> words, std::string_view program) {
  const std::vector<OptionName> names = all_names();
  auto split = split_command_words(words, names, program);
  if (!split) return tl::unexpected{split.error()};
  AuditOptions options;
  for (const OptionWord& word : split->options) {
    std::size_t number = word.number;
    if (number < kQuestions.size()) {
      return number < 2 ? AuditQuestion::Help : AuditQuestion::Version;
    }
    number -= kQuestions.size();
    if (number < option_rules().size()) {
      if (auto taken = option_rules()[number].take(options, word); !taken) {
        return tl::unexpected{taken.error()};
      }
      continue;
    }
    const LaterOption& later = later_options()[number - option_rules().size()];
    return bad_value(fmt::format("{}{} is not there yet ({}).",
                                 later.name.name.size() > 2 ? "--" : "-", later.name.name,
                                 later.what));
  }
  if (options.resume_log && (split->options.size() > 1 || !split->operands.empty())) {
    return bad_value(fmt::format(
        "Cannot use --resume with other options. Usage: {} --resume <filename>", program));
  }
  options.targets = std::move(split->operands);
  options.command_line = std::move(split->option_words);
  options.command_line.insert(options.command_line.end(), options.targets.begin(),
                              options.targets.end());
  if (auto checked = check(options); !checked) return tl::unexpected{checked.error()};
  return options;
}

}  // namespace trawl::control
