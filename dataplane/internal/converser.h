#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "dataplane/conversation/conversation_engine.h"
#include "dataplane/conversation/segment_writer.h"
#include "dataplane/counters.h"
#include "dataplane/scan_plan.h"

namespace trawl::dataplane::internal {

// What a receiving loop has conversations held by: gathers the segments of a burst for the engine,
// and writes what it wants sent into frames for the first sender, which asks the egress guard.
//
// When there is no room for a frame it is left out and counted: what is lost, the peer repeats.
// Thread: one polling core; banners() the control thread, as it says.
template <typename Address>
class BasicConverser {
 public:
  // Frames come from `pool` and go to `frames`. Needs plan.conversations, and the plan to outlive
  // this.
  [[nodiscard]] static Result<std::unique_ptr<BasicConverser>> make(BasicScanPlan<Address>& plan,
                                                                    rte_mempool* pool,
                                                                    rte_ring* frames,
                                                                    CoreCounters& counters);

  // Notes the segment of a frame that the parser took for `outcome`; the frame must stay until
  // hold(). Returns whether it is nobody else's business: no reply, and nothing to be put aside.
  [[nodiscard]] bool notice(Ticks now, std::span<const std::byte> frame, Counter outcome) noexcept;
  // Answers what was noticed, at most a burst, and ends waits that are over.
  void hold(Ticks now) noexcept;
  // Whether the answers to a burst can be sent on.
  [[nodiscard]] bool has_room() const noexcept {
    return rte_ring_free_count(frames_) >= BasicOutbox<Address>::kMost;
  }
  // Whether control has to read banners before more are begun.
  [[nodiscard]] bool is_piling() noexcept {
    return engine_->slabs().available() < engine_->slabs().count() / 4;
  }
  [[nodiscard]] BasicConversationEngine<Address>& engine() noexcept { return *engine_; }

 private:
  using Engine = BasicConversationEngine<Address>;

  BasicConverser(BasicScanPlan<Address>& plan, rte_mempool* pool, rte_ring* frames,
                 CoreCounters& counters, std::unique_ptr<Engine> engine);
  void send() noexcept;
  [[nodiscard]] std::uint64_t head_for(Address address) noexcept;
  [[nodiscard]] std::size_t write(std::byte* frame, std::uint64_t head,
                                  const BasicOutgoing<Address>& outgoing) const noexcept;

  BasicScanPlan<Address>& plan_;
  rte_mempool* pool_;
  rte_ring* frames_;
  CoreCounters& counters_;
  std::unique_ptr<Engine> engine_;
  BasicSegmentWriter<Address> writer_;
  std::size_t noticed_ = 0;
  std::array<BasicSegment<Address>, Engine::kMostBatch> segments_;
  BasicOutbox<Address> outbox_;
};

extern template class BasicConverser<Ipv4Address>;
extern template class BasicConverser<Ipv6Address>;

}  // namespace trawl::dataplane::internal
