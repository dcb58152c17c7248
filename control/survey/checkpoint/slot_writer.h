#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "control/survey/checkpoint/checkpoint.h"

namespace trawl::control {

// Makes outputs and checkpoint last on their disks, in that order, on a thread of its own: a slow
// disk must not keep replies waiting.
//
// Thread: one user.
class SlotWriter {
 public:
  // `outputs` are the files to make last before each slot.
  SlotWriter(Checkpoint& checkpoint, std::vector<std::string> outputs);
  // Waits for the slot on its way.
  ~SlotWriter();
  SlotWriter(const SlotWriter&) = delete;
  SlotWriter& operator=(const SlotWriter&) = delete;

  // Begins to write, unless a slot is on its way: then false. Fails with what went wrong last time.
  [[nodiscard]] Result<bool> begin(const Slot& slot);
  // Writes it before it returns.
  [[nodiscard]] Result<void> finish(const Slot& slot);

 private:
  void run();
  [[nodiscard]] Result<void> write(const Slot& slot);

  Checkpoint& checkpoint_;
  const std::vector<std::string> outputs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Slot> wanted_;
  std::optional<Error> error_;
  bool busy_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace trawl::control
