#include "control/survey/output/output_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "control/survey/output/word_list.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::array<std::string_view, kResultFields> kFieldNames{
    "schema",  "ts",       "ip",      "port",      "proto",      "state",         "reason",
    "ttl",     "rtt_us",   "attempt", "from",      "type",       "class",         "source",
    "service", "tls",      "product", "version",   "info",       "hostname",      "os",
    "device",  "cpe",      "probe",   "line",      "banner",     "truncated",     "fingerprint",
    "trouble", "evidence", "systems", "os_family", "os_version", "os_confidence", "hops"};
constexpr std::array<std::string_view, kZmapFields> kZmapFieldNames{
    "saddr",    "saddr-raw",     "daddr",          "daddr-raw",   "ttl",
    "sport",    "dport",         "classification", "success",     "repeat",
    "cooldown", "timestamp-str", "timestamp-ts",   "timestamp-us"};
constexpr std::array<std::string_view, 4> kZmapOnly{"ipid", "seqnum", "acknum", "window"};
constexpr std::array<std::string_view, kOutputFormats> kFormatNames{
    "jsonl", "csv", "zmap", "masscan-json", "masscan-list", "nmap-xml", "pcap"};
constexpr std::string_view kCompressed = ".zst";

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

// The place of `item` in `names` is the field.
template <typename Field, std::size_t N>
Result<void> take_field(std::vector<Field>& fields, std::string_view item, std::string_view option,
                        const std::array<std::string_view, N>& names, std::string_view kind) {
  const auto* name = std::ranges::find(names, item);
  if (name == names.end()) return unknown_word(option, item, kind, names);
  const auto field = static_cast<Field>(name - names.begin());
  if (std::ranges::find(fields, field) != fields.end()) {
    return usage(fmt::format("{}: {} is named twice; name each field once", option, quote(item)));
  }
  fields.push_back(field);
  return {};
}

bool has_lines(const OutputSpec& output) {
  return output.format == OutputFormat::Jsonl || output.format == OutputFormat::Csv;
}

bool is_zmap(const OutputSpec& output) { return output.format == OutputFormat::Zmap; }

// What stands before the colon of "FORMAT:FILE"; nullopt where it is no more than part of a name.
std::optional<std::string_view> format_prefix(std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view prefix = value.substr(0, colon);
  const bool word =
      std::ranges::all_of(prefix, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  return word ? std::optional{prefix} : std::nullopt;
}

Result<OutputSpec> parse_output(std::string_view value, std::optional<OutputFormat> format) {
  OutputSpec output{.path = std::string{value}, .format = {}};
  const auto prefix = format_prefix(value);
  if (prefix) {
    const auto named = parse_output_format(*prefix, "--output");
    if (!named) {
      return usage(
          fmt::format("{}; a file of that name is written ./{}", named.error().message, *prefix));
    }
    format = *named;
    output.path.erase(0, prefix->size() + 1);
  }
  if (output.path.empty()) {
    return usage("--output: an empty file name is given; name a file, or - for standard output");
  }
  output.format = format.value_or(format_for_path(output.path));
  return output;
}

bool same_file(const OutputSpec& a, const OutputSpec& b) {
  using std::filesystem::path;
  return path{a.path}.lexically_normal() == path{b.path}.lexically_normal();
}

}  // namespace

std::string_view to_string(OutputFormat format) noexcept {
  return kFormatNames[static_cast<std::size_t>(format)];
}

std::string_view to_string(ResultField field) noexcept {
  return kFieldNames[static_cast<std::size_t>(field)];
}

std::string_view to_string(ZmapField field) noexcept {
  return kZmapFieldNames[static_cast<std::size_t>(field)];
}

Result<std::vector<ResultField>> parse_result_fields(std::string_view text,
                                                     std::string_view option) {
  std::vector<ResultField> fields;
  const auto take = [&](std::string_view item) {
    return take_field(fields, item, option, kFieldNames, "field");
  };
  if (auto taken = for_each_item(text, take); !taken) return Failure{taken.error()};
  return fields;
}

Result<std::vector<ZmapField>> parse_zmap_fields(std::string_view text, std::string_view option) {
  std::vector<ZmapField> fields;
  const auto take = [&](std::string_view item) -> Result<void> {
    std::string name{item};
    std::ranges::replace(name, '_', '-');
    if (std::ranges::find(kZmapOnly, name) != kZmapOnly.end()) {
      return usage(fmt::format("{}: {} of a reply is not kept; leave it out", option, name));
    }
    return take_field(fields, name, option, kZmapFieldNames, "field of zmap");
  };
  if (auto taken = for_each_item(text, take); !taken) return Failure{taken.error()};
  return fields;
}

Result<OutputFormat> parse_output_format(std::string_view text, std::string_view option) {
  const auto* name = std::ranges::find(kFormatNames, text);
  if (name == kFormatNames.end()) return unknown_word(option, text, "format", kFormatNames);
  return static_cast<OutputFormat>(name - kFormatNames.begin());
}

OutputFormat format_for_path(std::string_view path) noexcept {
  if (is_compressed_path(path)) path.remove_suffix(kCompressed.size());
  if (path.ends_with(".csv")) return OutputFormat::Csv;
  if (path.ends_with(".pcap")) return OutputFormat::Pcap;
  return path.ends_with(".xml") ? OutputFormat::NmapXml : OutputFormat::Jsonl;
}

bool is_compressed_path(std::string_view path) noexcept { return path.ends_with(kCompressed); }

Result<std::vector<OutputSpec>> parse_outputs(std::span<const std::string> values,
                                              std::optional<OutputFormat> format) {
  std::vector<OutputSpec> outputs;
  bool format_used = values.empty();
  for (const std::string& value : values) {
    format_used |= !format_prefix(value);
    auto output = parse_output(value, format);
    if (!output) return Failure{output.error()};
    const auto same = [&](const OutputSpec& other) { return same_file(other, *output); };
    if (std::ranges::any_of(outputs, same)) {
      return usage(
          fmt::format("--output: {} is named twice; write each output to a file of its own",
                      quote(output->path)));
    }
    outputs.push_back(std::move(*output));
  }
  if (values.empty())
    outputs.push_back({.path = "-", .format = format.value_or(OutputFormat::Jsonl)});
  if (format && !format_used) {
    return usage("--format: every output names its own format already; leave one of both out");
  }
  return outputs;
}

Result<OutputFields> parse_output_fields(std::span<const std::string> lists,
                                         std::span<const OutputSpec> outputs) {
  constexpr std::string_view kOption = "--fields";
  const bool any_lines = std::ranges::any_of(outputs, has_lines);
  const bool any_zmap = std::ranges::any_of(outputs, is_zmap);
  if (!lists.empty() && !any_lines && !any_zmap) {
    return usage("--fields: the formats asked for have fixed fields; write jsonl, csv or zmap");
  }
  OutputFields fields;
  for (const std::string& list : lists) {
    auto lines = parse_result_fields(list, kOption);
    auto zmap = parse_zmap_fields(list, kOption);
    const bool for_lines = any_lines && lines;
    const bool for_zmap = any_zmap && zmap;
    if (!for_lines && !for_zmap) return Failure{any_lines ? lines.error() : zmap.error()};
    if ((for_lines && !fields.lines.empty()) || (for_zmap && !fields.zmap.empty())) {
      return usage("--fields: given more than once for the same output");
    }
    if (for_lines) fields.lines = std::move(*lines);
    if (for_zmap) fields.zmap = std::move(*zmap);
  }
  return fields;
}

}  // namespace trawl::control
