#pragma once

#include <cstdint>
#include <string>

#include "control/survey/output/record_formatter.h"

namespace trawl::control {

// The layout of masscan 1.3.2's -oJ: an array of one object a verdict, on a line of its own, with a
// line of a comma between two. Unlike there it is closed whatever ends the survey. What masscan
// never reports, an unreachable or unfiltered target, has the status "unknown" and the reason as we
// name it; what has no port has port 0.
class MasscanJsonFormatter final : public RecordFormatter {
 public:
  [[nodiscard]] std::string header() const override { return "[\n"; }
  char* write(char* out, const Verdict& verdict, std::uint64_t before) noexcept override;
  // A record with a banner, where there is a banner or a name.
  [[nodiscard]] std::string fact_record(const ServiceFact& fact, std::uint64_t before) override;
  [[nodiscard]] std::string footer(std::uint64_t /*records*/) const override { return "]\n"; }
};

// The layout of masscan 1.3.2's -oL: "open tcp 80 198.18.0.1 1767323045".
class MasscanListFormatter final : public RecordFormatter {
 public:
  [[nodiscard]] std::string header() const override { return "#masscan\n"; }
  char* write(char* out, const Verdict& verdict, std::uint64_t before) noexcept override;
  // "banner tcp 22 198.18.0.1 1767323045 ssh SSH-2.0-OpenSSH_9.2p1\x0d\x0a"
  [[nodiscard]] std::string fact_record(const ServiceFact& fact, std::uint64_t before) override;
  [[nodiscard]] std::string footer(std::uint64_t /*records*/) const override { return "# end\n"; }
};

}  // namespace trawl::control
