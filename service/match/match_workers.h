#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/match/match_engine.h"

namespace trawl::service {

// Matches on threads of its own, so that an event loop waits for no pattern.
//
// Thread: one user of submit() and take(); `wake` is called from the workers.
class MatchWorkers {
 public:
  // A request that owns its bytes.
  struct Work {
    std::size_t probe = 0;
    std::string response;
  };
  struct Done {
    std::uint64_t id = 0;
    Work work;  // As it was submitted.
    std::optional<LineMatch> match;
  };

  // `wake` is called when take() will give something that it did not before; it may be called once
  // for many. Threads as WorkerArena has them.
  MatchWorkers(std::shared_ptr<const MatchEngine> engine, std::function<void()> wake,
               unsigned threads);
  // Waits for the work at hand; what is not begun is dropped.
  ~MatchWorkers();
  MatchWorkers(const MatchWorkers&) = delete;
  MatchWorkers& operator=(const MatchWorkers&) = delete;

  // Numbers from 1. How much waits is for the caller to bound: pending().
  std::uint64_t submit(Work work);
  // What is done, in the order in which it was.
  [[nodiscard]] std::vector<Done> take();
  [[nodiscard]] std::size_t pending() const;  // Submitted and not taken.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trawl::service
