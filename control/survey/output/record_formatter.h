#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/machines_fact.h"
#include "base/network_fact.h"
#include "base/service_fact.h"
#include "base/verdict.h"
#include "control/survey/output/output_format.h"
#include "dataplane/probe_kind.h"

namespace trawl::control {

// Verdicts, and facts that follow them, as records of one document, each of whole lines.
//
// The document is header(), the records in order, and footer(). It is valid after any number of
// records, so that a footer can close it at every moment.
//
// Thread: one user. Cost: write() allocates nothing; bench/control/survey_outputs_bench.cc.
class RecordFormatter {
 public:
  static constexpr std::size_t kLongestRecord = 512;

  virtual ~RecordFormatter() = default;

  // The first lines, "" where there are none.
  [[nodiscard]] virtual std::string header() const { return {}; }
  // Writes the record behind `before` others at `out`, and returns its end. Needs kLongestRecord
  // bytes there.
  virtual char* write(char* out, const Verdict& verdict, std::uint64_t before) noexcept = 0;
  // Likewise a fact, at most kLongestFactRecord bytes of whole lines; "" where the format, or what
  // was asked for of it, has no place for facts. Needs one that is limited().
  [[nodiscard]] virtual std::string fact_record(const ServiceFact& fact, std::uint64_t before) {
    static_cast<void>(fact);
    static_cast<void>(before);
    return {};
  }
  // Likewise of a network.
  [[nodiscard]] virtual std::string network_record(const NetworkFact& fact) {
    static_cast<void>(fact);
    return {};
  }
  // Likewise of the machines behind an address.
  [[nodiscard]] virtual std::string machines_record(const MachinesFact& fact) {
    static_cast<void>(fact);
    return {};
  }
  // What closes a document of so many records, "" where nothing does.
  [[nodiscard]] virtual std::string footer(std::uint64_t records) const {
    static_cast<void>(records);
    return {};
  }
};

// What a document says of the survey it belongs to.
struct RunDescription {
  std::vector<std::string> command_line;
  dataplane::ProbeKind probe = dataplane::ProbeKind::TcpSyn;
  std::vector<std::uint16_t> ports;  // Empty where probes have none.
  std::chrono::system_clock::time_point started;
};

[[nodiscard]] std::unique_ptr<RecordFormatter> make_formatter(OutputFormat format,
                                                              const OutputFields& fields,
                                                              const RunDescription& run);

}  // namespace trawl::control
