#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "control/pipeline/open_port.h"
#include "control/survey/checkpoint/checkpoint.h"
#include "dataplane/target_space.h"

namespace trawl::control {

// The open ports in a checkpoint whose services the outputs do not have: those to be asked by who
// goes on with the survey. An answer that was noted after the outputs were marked is not in them,
// for they are cut back to the mark.
//
// Reads the journal as it is asked for ports, so that only the answers are kept in memory, eight
// bytes each.
//
// Thread: the control thread, as the checkpoint.
class ServiceBacklog {
 public:
  // Needs both to outlive this; what is recorded from now on is no part of it. Fails with BadInput
  // where the journal is damaged.
  [[nodiscard]] static Result<ServiceBacklog> read(Checkpoint& checkpoint,
                                                   const dataplane::TargetSpace& space,
                                                   Protocol protocol);

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_.size(); }
  // The next port, nullopt at the end. Fails as read().
  [[nodiscard]] Result<std::optional<OpenPort>> next();
  // Once more from the first.
  void rewind() noexcept { at_ = 0; }
  // The others: indexes of ports whose answers the outputs have, sorted, each once.
  [[nodiscard]] std::span<const std::uint64_t> known() const noexcept { return answered_; }

 private:
  ServiceBacklog(Checkpoint& checkpoint, const dataplane::TargetSpace& space, Protocol protocol)
      : checkpoint_{&checkpoint}, space_{&space}, protocol_{protocol} {}

  Checkpoint* checkpoint_;
  const dataplane::TargetSpace* space_;
  Protocol protocol_;
  std::vector<std::uint64_t> answered_;  // Indexes, sorted, each once.
  std::uint64_t count_ = 0;
  std::uint64_t at_ = 0;  // In the journal.
};

}  // namespace trawl::control
