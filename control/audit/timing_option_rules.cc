#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;
using Words = AuditOptions::TimingWords;

// What a time without a unit may have meant when the unit was milliseconds.
struct OldUnit {
  std::string_view option;
  std::int64_t suspicious = 0;  // Seconds: from here on it is refused...
  std::string_view shown_as;    // ...and told of in "hours", "minutes" or "seconds",
  bool suggests_ms = false;     // with this unit as what was meant.
};

Taken refuse_old_unit(const OptionWord& word, const OldUnit& old, Moment time) {
  const bool has_unit = word.value.find_first_not_of("0123456789.") != std::string::npos;
  if (has_unit || time < Moment{old.suspicious * 1'000'000}) return {};
  const double seconds = static_cast<double>(time.count()) * 1e-6;
  std::string length = fmt::format("{:.1f} hours", seconds / 3600);
  if (old.shown_as == "minutes") length = fmt::format("{:.1f} minutes", seconds / 60);
  if (old.shown_as == "seconds") length = fmt::format("{} seconds", word.value);
  const std::string hint = old.suggests_ms
                               ? fmt::format("Use \"{0}ms\" for {0} milliseconds.", word.value)
                               : fmt::format("If this is what you want, use \"{}s\".", word.value);
  return bad_value(
      fmt::format("Since April 2010, the default unit for {} is seconds, so your time of \"{}\" is "
                  "{}. {}",
                  old.option, word.value, length, hint));
}

template <auto Member>
Taken take_time(AuditOptions& options, const OptionWord& word, Moment least, std::string message,
                const OldUnit& old) {
  const auto time = parse_nmap_time(word.value);
  if (!time || *time < least) return bad_value(std::move(message));
  if (auto taken = refuse_old_unit(word, old, *time); !taken) return taken;
  options.timing.*Member = *time;
  return {};
}

// A whole number of at least `least`.
template <auto Member>
Taken take_count(AuditOptions& options, const OptionWord& word, int least, std::string message) {
  int count = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, count);
  if (error != std::errc{} || stop != end || count < least) return bad_value(std::move(message));
  options.timing.*Member = static_cast<unsigned>(count);
  return {};
}

template <auto Member>
Taken take_rate(AuditOptions& options, const OptionWord& word, std::string_view name) {
  double rate = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, rate);
  if (error != std::errc{} || stop != end || !(rate > 0 && rate <= 1e12)) {
    return bad_value(fmt::format("Argument to {} must be a positive floating-point number", name));
  }
  options.timing.*Member = rate;
  return {};
}

Taken take_template(AuditOptions& options, const OptionWord& word) {
  const auto level = parse_timing_level(word.value);
  if (!level) {
    return bad_value(
        "Unknown timing mode (-T argument).  Use either \"Paranoid\", \"Sneaky\", \"Polite\", "
        "\"Normal\", \"Aggressive\", \"Insane\" or a number from 0 (Paranoid) to 5 (Insane)");
  }
  options.timing_level = *level;
  return {};
}

constexpr std::array kRules{
    OptionRule{{"T", Required}, take_template},
    OptionRule{{"min-rtt-timeout", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_time<&Words::min_rtt>(options, word, Moment{0},
                                                   "Bogus --min-rtt-timeout argument specified",
                                                   {"--min-rtt-timeout", 50, "seconds", true});
               }},
    OptionRule{{"max-rtt-timeout", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_time<&Words::max_rtt>(
                     options, word, Moment{5000},
                     "Bogus --max-rtt-timeout argument specified, must be at least 5ms",
                     {"--max-rtt-timeout", 50, "seconds", true});
               }},
    OptionRule{{"initial-rtt-timeout", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_time<&Words::initial_rtt>(
                     options, word, Moment{1},
                     "Bogus --initial-rtt-timeout argument specified.  Must be positive",
                     {"--initial-rtt-timeout", 50, "seconds", true});
               }},
    OptionRule{{"host-timeout", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_time<&Words::host_timeout>(options, word, Moment{0},
                                                        "Bogus --host-timeout argument specified",
                                                        {"--host-timeout", 10000, "hours", false});
               }},
    OptionRule{{"scan-delay", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_time<&Words::scan_delay>(options, word, Moment{0},
                                                      "Bogus --scan-delay argument specified.",
                                                      {"--scan-delay", 100, "minutes", true});
               }},
    OptionRule{{"max-scan-delay", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_time<&Words::max_scan_delay>(
                     options, word, Moment{0}, "Bogus --max-scan-delay argument specified.",
                     {"--max-scan-delay", 100, "minutes", false});
               }},
    OptionRule{{"max-retries", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_count<&Words::max_retries>(options, word, 0,
                                                        "max-retries must be positive");
               }},
    OptionRule{{"min-parallelism", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_count<&Words::min_parallelism>(
                     options, word, 1, "Argument to --min-parallelism must be at least 1!");
               }},
    OptionRule{{"max-parallelism", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_count<&Words::max_parallelism>(options, word, 1,
                                                            "Argument to -M must be at least 1!");
               }},
    OptionRule{{"M", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_count<&Words::max_parallelism>(options, word, 1,
                                                            "Argument to -M must be at least 1!");
               }},
    OptionRule{{"min-hostgroup", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_count<&Words::min_hostgroup>(
                     options, word, 1, "Argument to --min-hostgroup must be at least 1!");
               }},
    OptionRule{{"max-hostgroup", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_count<&Words::max_hostgroup>(
                     options, word, 1, "Argument to --max-hostgroup must be at least 1!");
               }},
    OptionRule{{"defeat-rst-ratelimit"}, set_option<&AuditOptions::defeats_rst_limit>},
    OptionRule{{"defeat-icmp-ratelimit"}, set_option<&AuditOptions::defeats_icmp_limit>},
    OptionRule{{"min-rate", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_rate<&Words::min_rate>(options, word, "--min-rate");
               }},
    OptionRule{{"max-rate", Required},
               [](AuditOptions& options, const OptionWord& word) {
                 return take_rate<&Words::max_rate>(options, word, "--max-rate");
               }},
};

}  // namespace

std::span<const OptionRule> timing_option_rules() noexcept { return kRules; }

AuditResult<Timing> timing_of(const AuditOptions& options) {
  const Words& words = options.timing;
  Timing timing = timing_template(options.timing_level);
  if (words.max_rtt) timing.max_rtt = *words.max_rtt;
  if (words.min_rtt) timing.min_rtt = *words.min_rtt;
  if (words.initial_rtt) timing.initial_rtt = *words.initial_rtt;
  // One that was given moves the others along, as in Nmap.
  if (!words.max_rtt)
    timing.max_rtt =
        std::max({timing.max_rtt, timing.min_rtt, words.initial_rtt.value_or(Moment{0})});
  if (!words.min_rtt) timing.min_rtt = std::min(timing.min_rtt, timing.max_rtt);
  if (timing.min_rtt > timing.max_rtt) {
    return bad_value("--min-rtt-timeout cannot be greater than --max-rtt-timeout");
  }
  if (!words.initial_rtt) {
    timing.initial_rtt = std::clamp(timing.initial_rtt, timing.min_rtt, timing.max_rtt);
  }
  if (timing.initial_rtt < timing.min_rtt || timing.initial_rtt > timing.max_rtt) {
    return bad_value(
        "--initial-rtt-timeout must lie between --min-rtt-timeout and --max-rtt-timeout");
  }
  timing.host_timeout = words.host_timeout.value_or(timing.host_timeout);
  timing.scan_delay = words.scan_delay.value_or(timing.scan_delay);
  timing.max_tcp_delay = words.max_scan_delay.value_or(timing.max_tcp_delay);
  timing.max_udp_delay = words.max_scan_delay.value_or(timing.max_udp_delay);
  timing.max_retries = words.max_retries.value_or(timing.max_retries);
  timing.retries_given = words.max_retries.has_value();
  timing.min_parallelism = words.min_parallelism.value_or(timing.min_parallelism);
  timing.max_parallelism = words.max_parallelism.value_or(timing.max_parallelism);
  if (timing.max_parallelism != 0 && timing.min_parallelism > timing.max_parallelism) {
    return bad_value(
        fmt::format("--min-parallelism={} must be less than or equal to --max-parallelism={}",
                    timing.min_parallelism, timing.max_parallelism));
  }
  timing.min_hostgroup = words.min_hostgroup.value_or(0);
  timing.max_hostgroup = words.max_hostgroup.value_or(0);
  if (timing.max_hostgroup != 0 && timing.min_hostgroup > timing.max_hostgroup) {
    return bad_value(
        fmt::format("Maximum host group size may not be set to less than the minimum size "
                    "(currently {})",
                    timing.min_hostgroup));
  }
  timing.min_rate = words.min_rate.value_or(0);
  timing.max_rate = words.max_rate.value_or(0);
  if (timing.max_rate > 0 && timing.min_rate > timing.max_rate) {
    return bad_value(fmt::format("--min-rate={:g} must be less than or equal to --max-rate={:g}",
                                 timing.min_rate, timing.max_rate));
  }
  return timing;
}

}  // namespace trawl::control
