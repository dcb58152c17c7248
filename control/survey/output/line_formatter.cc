#include "control/survey/output/line_formatter.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "control/survey/output/fact_fields.h"

namespace trawl::control {
namespace {

bool is_number(ResultField field) noexcept {
  return field == ResultField::Port || field == ResultField::Ttl || field == ResultField::RttUs ||
         field == ResultField::Attempt || field == ResultField::OsConfidence ||
         field == ResultField::Hops;
}

// What only those have who look closely at a pattern.
bool is_rare(ResultField field) noexcept {
  return field == ResultField::Schema || field == ResultField::Probe ||
         field == ResultField::Line || field == ResultField::Fingerprint;
}

std::vector<ResultField> default_fields(OutputFormat format, bool has_facts, bool has_hints) {
  std::vector<ResultField> fields;
  const bool json = format == OutputFormat::Jsonl;
  if (has_facts && !json) fields.push_back(ResultField::Type);
  constexpr auto kFactFields = static_cast<unsigned>(ResultField::OsFamily);
  const unsigned count = has_facts && !json ? kFactFields : kVerdictFields;
  for (unsigned i = 0; i < count; ++i) {
    const auto field = static_cast<ResultField>(i);
    if (field == ResultField::Type) continue;
    if (json || !is_rare(field)) fields.push_back(field);
  }
  if (json && has_facts) fields.push_back(ResultField::Class);
  for (unsigned i = kFactFields; has_hints && i < kResultFields; ++i) {
    fields.push_back(static_cast<ResultField>(i));
  }
  return fields;
}

// Of a fact in JSON: what it is first.
std::vector<ResultField> default_fact_fields() {
  std::vector<ResultField> fields{ResultField::Schema, ResultField::Type, ResultField::Ts,
                                  ResultField::Ip,     ResultField::Port, ResultField::Proto};
  for (unsigned i = static_cast<unsigned>(ResultField::Class);
       i < static_cast<unsigned>(ResultField::OsFamily); ++i) {
    fields.push_back(static_cast<ResultField>(i));
  }
  return fields;
}

}  // namespace

LineFormatter::LineFormatter(OutputFormat format, const OutputFields& fields)
    : format_{format},
      chosen_{!fields.lines.empty()},
      takes_facts_{fields.has_facts &&
                   (fields.lines.empty() || std::ranges::any_of(fields.lines, is_of_facts))},
      takes_machines_{fields.has_hints && fields.lines.empty() && format == OutputFormat::Jsonl},
      fields_{fields.lines.empty() ? default_fields(format, fields.has_facts, fields.has_hints)
                                   : fields.lines} {
  for (const ResultField field : fields_) {
    std::string& key = keys_.emplace_back(1, '"');
    key += to_string(field);
    key += is_number(field) ? "\":" : "\":\"";
  }
}

std::string LineFormatter::header() const {
  if (format_ == OutputFormat::Jsonl) return {};
  std::string line;
  for (const ResultField field : fields_) {
    if (!line.empty()) line += ',';
    line += to_string(field);
  }
  return line + '\n';
}

namespace {

// Whether something is known of a field of hints.
bool has_hint(ResultField field, const SystemHint& hint) noexcept {
  if (hint.name == nullptr) return false;
  if (field == ResultField::OsVersion) return !hint.name->version.empty();
  return field != ResultField::Hops || hint.hops != 0;
}

// In quotes where a comma is in it (RFC 4180); names hold no quotes.
char* put_name(char* out, std::string_view name, OutputFormat format) noexcept {
  const bool quoted = format == OutputFormat::Csv && name.find(',') != std::string_view::npos;
  if (quoted) *out++ = '"';
  out = put(out, name);
  if (quoted) *out++ = '"';
  return out;
}

}  // namespace

char* LineFormatter::write_hint(char* out, ResultField field, const SystemHint& hint) noexcept {
  if (!has_hint(field, hint)) return out;
  switch (field) {
    case ResultField::OsFamily: return put_name(out, hint.name->family, format_);
    case ResultField::OsVersion: return put_name(out, hint.name->version, format_);
    case ResultField::OsConfidence: return put_number(out, hint.confidence);
    default: return put_number(out, hint.hops);
  }
}

bool LineFormatter::left_out(ResultField field, const Verdict& verdict) const noexcept {
  if (field == ResultField::RttUs) return !verdict.rtt_us;
  if (field == ResultField::Class) return verdict.port_class == PortClass::Unknown;
  if (is_of_facts(field)) return true;
  if (is_of_hints(field)) return !has_hint(field, verdict.system);
  if (field == ResultField::Port) return verdict.protocol == Protocol::Icmp;
  return field == ResultField::From && !chosen_ && verdict.from == verdict.ip;
}

char* LineFormatter::write_value(char* out, ResultField field, const Verdict& verdict) noexcept {
  switch (field) {
    case ResultField::Schema: return put(out, "trawl.v1");
    case ResultField::Ts: return timestamp_.write(out, verdict.time);
    case ResultField::Ip: return put_address(out, verdict.ip);
    case ResultField::Port:
      return verdict.protocol == Protocol::Icmp ? out : put_number(out, verdict.port);
    case ResultField::Proto: return put(out, to_string(verdict.protocol));
    case ResultField::State: return put(out, to_string(verdict.state));
    case ResultField::Reason: return put(out, to_string(verdict.reason));
    case ResultField::Ttl: return put_number(out, verdict.ttl);
    case ResultField::RttUs: return verdict.rtt_us ? put_number(out, *verdict.rtt_us) : out;
    case ResultField::Attempt: return put_number(out, verdict.attempt);
    case ResultField::From: return put_address(out, verdict.from);
    case ResultField::Type: return put(out, "verdict");
    case ResultField::Class:
      return verdict.port_class == PortClass::Unknown ? out
                                                      : put(out, to_string(verdict.port_class));
    default: break;
  }
  return is_of_hints(field) ? write_hint(out, field, verdict.system) : out;
}

char* LineFormatter::write(char* out, const Verdict& verdict, std::uint64_t /*before*/) noexcept {
  const bool json = format_ == OutputFormat::Jsonl;
  if (json) *out++ = '{';
  char* const first = out;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const ResultField field = fields_[i];
    if (json && left_out(field, verdict)) continue;
    if (json ? out != first : i > 0) *out++ = ',';
    if (json) out = put(out, keys_[i]);
    out = write_value(out, field, verdict);
    if (json && !is_number(field)) *out++ = '"';
  }
  if (json) *out++ = '}';
  *out++ = '\n';
  return out;
}

std::string LineFormatter::network_record(const NetworkFact& fact) {
  const bool is_wanted = takes_facts_ && !chosen_ && format_ == OutputFormat::Jsonl;
  return is_wanted ? json_record(fact) : std::string{};
}

std::string LineFormatter::machines_record(const MachinesFact& fact) {
  return takes_machines_ ? json_record(fact) : std::string{};
}

std::string LineFormatter::fact_record(const ServiceFact& fact, std::uint64_t /*before*/) {
  if (!takes_facts_) return {};
  std::string line;
  if (format_ == OutputFormat::Csv) {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (i > 0) line += ',';
      line += csv_value(fields_[i], fact);
    }
    return line + '\n';
  }
  for (const ResultField field : chosen_ ? fields_ : default_fact_fields()) {
    const std::string value = json_value(field, fact);
    if (value.empty()) continue;
    line += line.empty() ? "{\"" : ",\"";
    line += to_string(field);
    line += "\":";
    line += value;
  }
  return line.empty() ? line : line + "}\n";
}

}  // namespace trawl::control
