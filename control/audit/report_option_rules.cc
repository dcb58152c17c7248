#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;

constexpr int kMostVerbosity = 10;

// "-v" counts, "-v3" sets, "-vv" is a value of another v.
Taken raise(int& level, char letter, const OptionWord& word) {
  if (!word.has_value) {
    level = std::min(level + 1, kMostVerbosity);
    return {};
  }
  if (std::ranges::all_of(word.value, [letter](char c) { return c == letter; })) {
    level = std::min(level + 1 + static_cast<int>(word.value.size()), kMostVerbosity);
    return {};
  }
  int value = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, value);
  if (error != std::errc{} || stop != end || value < 0) {
    return bad_value(fmt::format("Invalid argument to -{0}: \"{1}\".", letter, word.value));
  }
  level = std::min(value, kMostVerbosity);
  return {};
}

Taken add_output(AuditOptions& options, AuditOptions::Output::Format format,
                 const std::string& path) {
  if (path.size() > 1 && path.front() == '-') {
    return bad_value(fmt::format(
        "Output filename begins with '-'. Try '-o{} ./{}' if you really want it to be named as "
        "such.",
        std::string_view{"NXGJS"}[static_cast<std::size_t>(format)], path));
  }
  options.outputs.push_back({format, path});
  return {};
}

Taken take_stats_every(AuditOptions& options, const OptionWord& word) {
  const auto time = parse_nmap_time(word.value);
  if (!time || *time <= Moment{0}) {
    return bad_value("Bogus --stats-every argument specified");
  }
  options.stats_every = *time;
  return {};
}

Taken add_all_outputs(AuditOptions& options, const OptionWord& word) {
  using enum AuditOptions::Output::Format;
  if (word.value.size() > 1 && word.value.front() == '-') {
    return add_output(options, Normal, word.value);
  }
  if (word.value == "-") {
    return bad_value("Cannot display multiple output types to stdout.");
  }
  options.outputs.push_back({Normal, word.value + ".nmap"});
  options.outputs.push_back({Grepable, word.value + ".gnmap"});
  options.outputs.push_back({Xml, word.value + ".xml"});
  return {};
}

// For what an audit does in any case.
Taken change_nothing(AuditOptions& /*options*/, const OptionWord& /*word*/) { return {}; }

constexpr std::array kRules{
    OptionRule{{"oN", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return add_output(options, AuditOptions::Output::Format::Normal, word.value);
               }},
    OptionRule{{"oX", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return add_output(options, AuditOptions::Output::Format::Xml, word.value);
               }},
    OptionRule{{"oG", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return add_output(options, AuditOptions::Output::Format::Grepable, word.value);
               }},
    OptionRule{{"oJ", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return add_output(options, AuditOptions::Output::Format::Json, word.value);
               }},
    OptionRule{{"oS", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return add_output(options, AuditOptions::Output::Format::Kiddie, word.value);
               }},
    OptionRule{{"oA", Required}, add_all_outputs},
    OptionRule{{"append-output"}, set_option<&AuditOptions::appends>},
    OptionRule{{"resume", Required}, keep_value<&AuditOptions::resume_log>},
    OptionRule{{"reason"}, set_option<&AuditOptions::shows_reasons>},
    OptionRule{{"open"}, set_option<&AuditOptions::only_open>},
    OptionRule{{"packet-trace"}, set_option<&AuditOptions::traces_packets>},
    OptionRule{{"iflist"}, set_option<&AuditOptions::lists_interfaces>},
    OptionRule{{"log-errors"}, change_nothing},
    OptionRule{{"release-memory"}, change_nothing},
    OptionRule{{"stylesheet", Required}, keep_value<&AuditOptions::stylesheet>},
    OptionRule{{"webxml"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.stylesheet = "https://svn.nmap.org/nmap/docs/nmap.xsl";
                 return {};
               }},
    OptionRule{{"no-stylesheet"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.stylesheet.clear();
                 return {};
               }},
    OptionRule{{"stats-every", Required}, take_stats_every},
    OptionRule{{"noninteractive"}, set_option<&AuditOptions::ignores_keys>},
    OptionRule{{"v", Optional},
               [](AuditOptions& options, const OptionWord& word) {
                 return raise(options.verbosity, 'v', word);
               }},
    // Who debugs wants to see the rest too.
    OptionRule{{"d", Optional},
               [](AuditOptions& options, const OptionWord& word) {
                 const int before = options.debugging;
                 auto taken = raise(options.debugging, 'd', word);
                 const bool counts = !word.has_value || word.value.front() == 'd';
                 options.verbosity =
                     counts
                         ? std::min(options.verbosity + options.debugging - before, kMostVerbosity)
                         : options.debugging;
                 return taken;
               }},
};

}  // namespace

std::span<const OptionRule> report_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
