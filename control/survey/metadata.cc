#include "control/survey/metadata.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/clock.h"
#include "control/survey/json_object.h"
#include "control/survey/option_values.h"
#include "control/survey/output_file.h"
#include "control/survey/port_spec.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace trawl::control {
namespace {

std::string command_line_json(const std::vector<std::string>& words) {
  std::string json = "[";
  for (const std::string& word : words) {
    if (json.size() > 1) json += ',';
    append_json_string(json, word);
  }
  return json + ']';
}

std::string blocklist_files_json(const std::vector<BlocklistRecord>& files) {
  std::string json = "[";
  for (const BlocklistRecord& file : files) {
    if (json.size() > 1) json += ',';
    json += JsonObject{JsonObject::Layout::OneLine}
                .text("kind", file.kind)
                .text("path", file.path)
                .text("sha256", file.sha256)
                .number("ipv4_addresses", file.ipv4_addresses)
                .done();
  }
  return json + ']';
}

std::string decisions_json(const std::vector<RateDecision>& decisions) {
  std::string json = "[";
  for (const RateDecision& decision : decisions) {
    if (json.size() > 1) json += ',';
    json += format_decision_json(decision);
  }
  return json + ']';
}

std::string without_line_feed(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<void> append_all(OutputFile& file, std::string_view text) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, OutputFile::kBufferSize);
    if (auto taken = file.append(part); !taken) return taken;
    text.remove_prefix(part.size());
  }
  return {};
}

}  // namespace

void record_blocklist(const LiveBlocklist& blocklist, SurveyMetadata& metadata) {
  metadata.blocklist_digest = blocklist.first_digest();
  metadata.last_blocklist_digest = blocklist.digest();
  metadata.blocklist_reloads = blocklist.reloads();
  metadata.blocklist_files.clear();
  for (const ListFile& file : blocklist.files()) {
    metadata.blocklist_files.push_back({.kind = std::string{to_string(file.kind)},
                                        .path = file.path,
                                        .sha256 = file.sha256,
                                        .ipv4_addresses = file.list.v4.size()});
  }
}

std::string format_metadata(const SurveyMetadata& metadata) {
  JsonObject object{JsonObject::Layout::Lines};
  object.text("schema", "trawl.metadata.v1")
      .text("version", kVersion)
      .raw("command_line", command_line_json(metadata.command_line))
      .text("started", format_utc(metadata.started))
      .text("ended", format_utc(metadata.ended))
      .text("seed", format_seed(metadata.seed))
      .text("probe", metadata.probe)
      .text("ports", format_ports(metadata.ports))
      .number("port_count", std::uint64_t{metadata.ports.size()})
      .number("addresses", metadata.addresses)
      .number("addresses_excluded", metadata.addresses_excluded)
      .number("blocked_addresses", metadata.blocked_addresses)
      .text("exclude_digest", fmt::format("{:016x}", metadata.exclude_digest))
      .text("blocklist_sha256", metadata.blocklist_digest)
      .text("blocklist_sha256_at_end", metadata.last_blocklist_digest)
      .number("blocklist_reloads", metadata.blocklist_reloads)
      .raw("blocklist_files", blocklist_files_json(metadata.blocklist_files))
      .text("contact", metadata.contact)
      .text("link", metadata.link);
  if (metadata.automatic_rate) {
    object.text("rate_pps", "auto").raw("rate_decisions", decisions_json(metadata.decisions));
  } else if (metadata.rate.is_unlimited()) {
    object.text("rate_pps", "max");
  } else {
    object.number("rate_pps", metadata.rate.per_second());
  }
  if (metadata.network_rate) {
    object.number("per_network_rate_pps", metadata.network_rate->per_second());
  }
  object.raw("rate_history", format_history_json(metadata.progress.history));
  object.number("exit_code", static_cast<std::uint64_t>(metadata.exit_code))
      .text("exit_reason", metadata.exit_reason)
      .raw("counters", without_line_feed(format_status_json(metadata.progress, metadata.ended)));
  return object.done() + "\n";
}

Result<void> check_metadata(const std::string& path) {
  if (path.empty() || path == "-") return {};
  std::error_code ignored;
  const bool existed = std::filesystem::exists(path, ignored);
  std::FILE* const file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) {
    return fail(ExitCode::Output,
                fmt::format("{} cannot be written: {}; choose another place for --metadata", path,
                            std::system_category().message(errno)));
  }
  std::fclose(file);
  // An empty file would pass for the record of a run.
  if (!existed) std::filesystem::remove(path, ignored);
  return {};
}

Result<void> write_metadata(const std::string& path, const SurveyMetadata& metadata) {
  auto file = OutputFile::create(path);
  if (!file) return Failure{file.error()};
  auto written = append_all(*file, format_metadata(metadata));
  if (written) written = file->close();
  // Half an object is worse than none.
  std::error_code ignored;
  if (!written && std::filesystem::is_regular_file(path, ignored)) {
    std::filesystem::resize_file(path, 0, ignored);
  }
  return written;
}

}  // namespace trawl::control
