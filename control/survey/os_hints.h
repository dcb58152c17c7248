#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/system_hint.h"
#include "control/survey/os_hint_options.h"
#include "control/survey/status.h"
#include "dataplane/probe_kind.h"
#include "osfp/passive/signature_index.h"

namespace trawl::control {

// Which operating system each open port of a survey seems to be of, by its SYN-ACK alone, and how
// many there are of each.
//
// Thread: one user. Cost: reading the head and looking it up, timed by bench/osfp; allocates
// nothing.
class OsHints {
 public:
  // The signatures that such options and such SYNs ask for. Fails with BadInput: the file cannot be
  // read, is none, or has no signature for such SYNs.
  [[nodiscard]] static Result<std::unique_ptr<OsHints>> open(const OsHintOptions& options,
                                                             dataplane::SynOptions syn);
  // Needs a file with labels.
  OsHints(osfp::SignatureFile file, dataplane::SynOptions syn);

  [[nodiscard]] SystemHint find(const osfp::SynAckFacts& facts) const noexcept;
  // The same, of a port found open: it is counted.
  SystemHint count(const osfp::SynAckFacts& facts) noexcept;
  // The name that a process before this one knew by these; nullptr when its file was another.
  [[nodiscard]] const SystemName* name(std::uint16_t number, std::uint32_t digest) const noexcept;

  // Ports counted, by family: the most frequent first.
  [[nodiscard]] std::vector<FamilyCount> families() const;
  [[nodiscard]] std::uint64_t unknown() const noexcept { return unknown_; }

 private:
  osfp::SignatureIndex index_;
  std::vector<SystemName> names_;      // By label.
  std::vector<std::uint64_t> counts_;  // Likewise.
  std::uint64_t unknown_ = 0;
};

}  // namespace trawl::control
