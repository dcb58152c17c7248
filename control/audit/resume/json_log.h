#pragma once

#include <vector>

#include "control/audit/resume/json_line.h"
#include "control/audit/resume/log_lines.h"

namespace trawl::control {

// JSON Lines, as docs/audit-json.md has them. A last line that is no whole object is torn; one in
// the middle is no report's.
class JsonLog final : public LogLines {
 public:
  JsonLog() {
    run().format = AuditOptions::Output::Format::Json;
    run().is_format_known = true;
  }

  [[nodiscard]] bool take(const LogLine& line) override;
  [[nodiscard]] bool finish() override { return has_begun(); }

 private:
  using Members = std::vector<JsonMember>;

  [[nodiscard]] bool take_start(const Members& members, const LogLine& line);
  [[nodiscard]] bool take_host(const Members& members, const LogLine& line);

  bool was_torn_ = false;         // The line before is no record.
  bool was_interrupted_ = false;  // All that follows is to be looked at again.
};

}  // namespace trawl::control
