#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "dataplane/counters.h"
#include "dataplane/link.h"
#include "dataplane/reply.h"
#include "dataplane/scan_plan.h"

namespace trawl::dataplane {

// How many queues a link needs for `threads` polling threads.
[[nodiscard]] std::uint16_t senders_for(unsigned threads, bool receive) noexcept;

// Runs one plan over one link on the polling threads of Eal: one thread sends and receives; of
// more, the first receives and the others send.
//
// Meets its cores at three things only: the reply ring, the counters, and the stop flag.
// Thread: one control thread.
class Scanner {
 public:
  // Needs `link` opened with senders_for(threads, plan.receive) queues each way, and to outlive
  // this. Fails with Runtime when memory is short.
  [[nodiscard]] static Result<std::unique_ptr<Scanner>> make(ScanPlan plan, Link& link,
                                                             unsigned threads);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  void start();
  // Makes every loop return and waits for them. Replies still in the ring can be taken afterwards.
  void stop();

  // True once every probe of the range was sent or given up, or max_runtime is over.
  [[nodiscard]] bool sending_finished() const noexcept;
  // Whether the probe for `position` of the plan's order may have left already.
  [[nodiscard]] bool has_sent(std::uint64_t position) const noexcept;
  // True unless probes wait for a gateway that has not answered.
  [[nodiscard]] bool gateway_known() const noexcept;
  // Moves replies out of the ring; returns how many.
  [[nodiscard]] std::size_t take_replies(std::span<Reply> into) noexcept;
  // Sums over all cores.
  [[nodiscard]] CounterValues counters() const noexcept;
  [[nodiscard]] const ScanPlan& plan() const noexcept;

 private:
  struct Impl;
  explicit Scanner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::dataplane
