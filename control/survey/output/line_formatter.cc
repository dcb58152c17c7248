#include "control/survey/output/line_formatter.h"

#include <string_view>
#include <utility>

namespace trawl::control {
namespace {

bool is_number(ResultField field) noexcept {
  return field == ResultField::Port || field == ResultField::Ttl || field == ResultField::RttUs ||
         field == ResultField::Attempt;
}

std::vector<ResultField> default_fields(OutputFormat format) {
  std::vector<ResultField> fields;
  for (unsigned i = 0; i < kResultFields; ++i) {
    const auto field = static_cast<ResultField>(i);
    if (format == OutputFormat::Jsonl || field != ResultField::Schema) fields.push_back(field);
  }
  return fields;
}

}  // namespace

LineFormatter::LineFormatter(OutputFormat format, std::vector<ResultField> fields)
    : format_{format},
      chosen_{!fields.empty()},
      fields_{fields.empty() ? default_fields(format) : std::move(fields)} {
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

bool LineFormatter::left_out(ResultField field, const Verdict& verdict) const noexcept {
  if (field == ResultField::RttUs) return !verdict.rtt_us;
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
  }
  return out;
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

}  // namespace trawl::control
