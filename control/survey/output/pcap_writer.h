#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "control/survey/output/record_formatter.h"
#include "dataplane/captured_frame.h"

namespace trawl::control {

// Captures in the classic format of libpcap (pcap-savefile(5)) with nanoseconds, in the order of
// this machine's bytes as every writer of it does:
//
//   file     0 magic a1b23c4d   4 version 2.4   8 zeros   16 most bytes kept   20 link type
//   record   0 seconds   4 nanoseconds   8 bytes kept   12 bytes on the wire   16 the bytes
//
// Written here and not by libpcap, whose writer wants a FILE and cannot continue a compressed one.
// A document of this format has frames and no verdicts.
class PcapWriter final : public RecordFormatter {
 public:
  static constexpr std::size_t kLongestFrame = 16 + dataplane::CapturedFrame::kMostBytes;
  static_assert(kLongestFrame <= kLongestRecord);

  [[nodiscard]] std::string header() const override;
  // A verdict is no frame: nothing of it is written.
  char* write(char* out, const Verdict&, std::uint64_t) noexcept override { return out; }

  // Writes a record at `out`, and returns its end. Needs kLongestFrame bytes there.
  static char* write_frame(char* out, const dataplane::CapturedFrame& frame,
                           const TscClock& clock) noexcept;
};

}  // namespace trawl::control
