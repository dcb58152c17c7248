#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/survey/output/output_format.h"
#include "control/survey/output/record_formatter.h"
#include "control/survey/output/text_writer.h"

namespace trawl::control {

// CSV as zmap 2.1.1 writes it: columns and values of its tcp_synscan module, a header unless there
// is only one column. Times are UTC. For an unreachable target, which zmap does not report, the
// classification is "icmp" and saddr still the target. Where our port of a reply is unknown, dport
// is empty.
class ZmapFormatter final : public RecordFormatter {
 public:
  // `fields` empty means saddr, daddr, sport, dport, classification, success, repeat, cooldown,
  // timestamp-str.
  explicit ZmapFormatter(std::vector<ZmapField> fields);

  [[nodiscard]] std::string header() const override;
  char* write(char* out, const Verdict& verdict, std::uint64_t before) noexcept override;

 private:
  char* write_value(char* out, ZmapField field, const Verdict& verdict) noexcept;
  char* write_time(char* out, const Verdict& verdict) noexcept;

  std::vector<ZmapField> fields_;
  TimestampWriter timestamp_;
};

}  // namespace trawl::control
