#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "control/survey/output/output_format.h"
#include "control/survey/output/record_formatter.h"
#include "control/survey/output/text_writer.h"

namespace trawl::control {

// One verdict as one line.
//
// JSONL: an object with the chosen keys. By default all of them, "from" only where the reply came
// from another address than "ip". "rtt_us" is left out when unknown, "port" where there is none.
// CSV: the chosen columns, by default all but the schema; an unknown rtt_us and a port that does
// not exist are empty, and from is always filled in. Only versions of systems need quotes by RFC
// 4180. Lines end in LF alone, as Unix tools want.
//
// A fact is a line of its own, with "type":"service"; see fact_fields.h. Outputs whose chosen
// fields hold none that only facts have get no facts.
class LineFormatter final : public RecordFormatter {
 public:
  // `fields.lines` empty means the default ones. Needs a format of Jsonl or Csv.
  LineFormatter(OutputFormat format, const OutputFields& fields);

  char* write(char* out, const Verdict& verdict, std::uint64_t before) noexcept override;
  [[nodiscard]] std::string fact_record(const ServiceFact& fact, std::uint64_t before) override;
  [[nodiscard]] std::string network_record(const NetworkFact& fact) override;
  [[nodiscard]] std::string machines_record(const MachinesFact& fact) override;
  // The names of the columns of a CSV file, "" for JSONL.
  [[nodiscard]] std::string header() const override;

 private:
  [[nodiscard]] bool left_out(ResultField field, const Verdict& verdict) const noexcept;
  char* write_hint(char* out, ResultField field, const SystemHint& hint) noexcept;
  char* write_value(char* out, ResultField field, const Verdict& verdict) noexcept;

  OutputFormat format_;
  bool chosen_;  // The fields were asked for by name.
  bool takes_facts_;
  bool takes_machines_;
  std::vector<ResultField> fields_;
  std::vector<std::string> keys_;  // JSONL: `"ip":"` and so on, one for each field.
  TimestampWriter timestamp_;
};

}  // namespace trawl::control
