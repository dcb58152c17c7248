#include "control/audit/option_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

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

// Each letter chooses a kind of scan.
Taken take_scan_types(AuditOptions& options, const OptionWord& word) {
  for (const char letter : word.value) {
    if (letter == 'L') {
      options.list_only = true;
      continue;
    }
    constexpr std::string_view kKnown = "ACFMNOPRSTUVWXYZn";
    if (kKnown.find(letter) == std::string_view::npos) {
      return bad_word(fmt::format("unknown kind of scan: -s{}", letter));
    }
    return bad_value(
        fmt::format("-s{} is not there yet: for now trawl lists targets (-sL), and `trawl survey` "
                    "scans ports",
                    letter));
  }
  return {};
}

Taken add_output(AuditOptions& options, AuditOptions::Output::Format format,
                 const std::string& path) {
  options.outputs.push_back({format, path});
  return {};
}

Taken add_all_outputs(AuditOptions& options, const OptionWord& word) {
  using enum AuditOptions::Output::Format;
  if (word.value == "-") {
    return bad_value("Cannot display multiple output types to stdout.");
  }
  options.outputs.push_back({Normal, word.value + ".nmap"});
  options.outputs.push_back({Grepable, word.value + ".gnmap"});
  options.outputs.push_back({Xml, word.value + ".xml"});
  return {};
}

template <auto Member>
Taken set(AuditOptions& options, const OptionWord& /*word*/) {
  options.*Member = true;
  return {};
}

template <auto Member>
Taken append(AuditOptions& options, const OptionWord& word) {
  (options.*Member).push_back(word.value);
  return {};
}

constexpr std::array kRules{
    OptionRule{{"s", Required}, take_scan_types},
    OptionRule{{"iL", Required}, append<&AuditOptions::target_files>},
    OptionRule{{"exclude", Required}, append<&AuditOptions::excludes>},
    OptionRule{{"excludefile", Required}, append<&AuditOptions::exclude_files>},
    OptionRule{{"6"}, set<&AuditOptions::ipv6>},
    OptionRule{{"unique"}, set<&AuditOptions::unique>},
    OptionRule{{"resolve-all"}, set<&AuditOptions::resolve_all>},
    OptionRule{{"randomize-hosts"}, set<&AuditOptions::randomize_hosts>},
    OptionRule{{"n"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.reverse_dns = false;
                 return {};
               }},
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
    OptionRule{{"oA", Required}, add_all_outputs},
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

std::span<const OptionRule> option_rules() noexcept { return kRules; }

}  // namespace trawl::control
