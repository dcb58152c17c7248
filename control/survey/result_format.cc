#include "control/survey/result_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::array<std::string_view, kResultFields> kFieldNames{
    "schema", "ts", "ip", "port", "proto", "state", "reason", "ttl", "rtt_us", "attempt", "from"};
constexpr std::array<std::string_view, 2> kFormatNames{"jsonl", "csv"};
constexpr std::array<std::string_view, kPortStates + 1> kStateNames{"open", "closed", "unreachable",
                                                                    "all"};

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

Failure unknown(std::string_view option, std::string_view item, std::string_view kind,
                std::span<const std::string_view> known) {
  return fail(ExitCode::Usage, fmt::format("{}: {} is not a {}{}; expected {}", option, quote(item),
                                           kind, did_you_mean(item, known), joined(known)));
}

// Calls `take` with each comma-separated item until one fails.
template <typename Take>
Result<void> for_each_item(std::string_view text, Take take) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (auto taken = take(text.substr(0, comma)); !taken) return taken;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view to_string(ResultField field) noexcept {
  return kFieldNames[static_cast<std::size_t>(field)];
}

Result<std::vector<ResultField>> parse_result_fields(std::string_view text,
                                                     std::string_view option) {
  std::vector<ResultField> fields;
  const auto take = [&](std::string_view item) -> Result<void> {
    const auto* name = std::ranges::find(kFieldNames, item);
    if (name == kFieldNames.end()) return unknown(option, item, "field", kFieldNames);
    const auto field = static_cast<ResultField>(name - kFieldNames.begin());
    if (std::ranges::find(fields, field) != fields.end()) {
      return fail(ExitCode::Usage,
                  fmt::format("{}: {} is named twice; name each field once", option, quote(item)));
    }
    fields.push_back(field);
    return {};
  };
  if (auto taken = for_each_item(text, take); !taken) return Failure{taken.error()};
  return fields;
}

Result<OutputFormat> parse_output_format(std::string_view text, std::string_view option) {
  const auto* name = std::ranges::find(kFormatNames, text);
  if (name == kFormatNames.end()) return unknown(option, text, "format", kFormatNames);
  return static_cast<OutputFormat>(name - kFormatNames.begin());
}

OutputFormat format_for_path(std::string_view path) noexcept {
  return path.ends_with(".csv") ? OutputFormat::Csv : OutputFormat::Jsonl;
}

Result<StateSet> StateSet::parse(std::string_view text, std::string_view option) {
  StateSet set;
  const auto take = [&](std::string_view item) -> Result<void> {
    if (item == "all") {
      set = all();
      return {};
    }
    const auto state = parse_port_state(item);
    if (!state) return unknown(option, item, "state", kStateNames);
    set.add(*state);
    return {};
  };
  if (auto taken = for_each_item(text, take); !taken) return Failure{taken.error()};
  return set;
}

}  // namespace trawl::control
