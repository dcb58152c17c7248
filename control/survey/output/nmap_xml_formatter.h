#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/survey/output/record_formatter.h"

namespace trawl::control {

// Appends `text` as the inside of an XML attribute in double quotes (XML 1.0, sections 2.2 and
// 2.4): markup and line ends as references, bytes that are not UTF-8 or not allowed in XML as
// U+FFFD, and the second of two dashes as a reference, so that it may be put into a comment as
// well.
void append_xml_attribute(std::string& out, std::string_view text);

// XML as Nmap 7.93's -oX, valid against its DTD (version 1.05), which allows no other scanner name
// than "nmap"; args and version are ours.
//
// Results stream in, so nothing is collected: each verdict is a host of its own with one port, and
// a host with several findings appears several times; a finding about an address alone, the answer
// to an ICMP request, is a host without ports. runstats counts these. An unreachable port
// has the state "filtered" and, where another machine said so, reason_ip and a host whose status is
// unknown.
//
// A fact comes when its port was asked, which may be much later, so it is a host element of its
// own, too: the same address and port once more, with a service. A reader that keeps the last
// element of a port has all there is.
class NmapXmlFormatter final : public RecordFormatter {
 public:
  using Clock = std::chrono::system_clock;
  using NowFunction = Clock::time_point (*)();

  explicit NmapXmlFormatter(const RunDescription& run, NowFunction now = &Clock::now);

  [[nodiscard]] std::string header() const override { return header_; }
  char* write(char* out, const Verdict& verdict, std::uint64_t before) noexcept override;
  [[nodiscard]] std::string fact_record(const ServiceFact& fact, std::uint64_t before) override;
  [[nodiscard]] std::string footer(std::uint64_t records) const override;

 private:
  std::string header_;
  Clock::time_point started_;
  NowFunction now_;
};

}  // namespace trawl::control
