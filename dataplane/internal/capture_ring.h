#pragma once

#include <rte_ring_elem.h>

#include <cstdlib>
#include <memory>
#include <span>

#include "base/result.h"
#include "dataplane/captured_frame.h"

namespace trawl::dataplane::internal {

// Frames on their way from the receiving core to the control thread, in ordinary memory: what DPDK
// was given at its start does not depend on whether somebody wants a capture.
//
// Thread: one puts, another takes.
class CaptureRing {
 public:
  static constexpr unsigned kFrames = 1U << 14U;

  // Fails with Runtime when memory is short.
  [[nodiscard]] static Result<CaptureRing> make();

  [[nodiscard]] unsigned room() const noexcept { return rte_ring_free_count(ring_.get()); }
  [[nodiscard]] unsigned capacity() const noexcept { return rte_ring_get_capacity(ring_.get()); }
  // Needs frames.size() <= room().
  void put(std::span<const CapturedFrame> frames) noexcept {
    rte_ring_sp_enqueue_bulk_elem(ring_.get(), frames.data(), sizeof(CapturedFrame),
                                  static_cast<unsigned>(frames.size()), nullptr);
  }
  // Returns how many.
  [[nodiscard]] std::size_t take(std::span<CapturedFrame> into) noexcept {
    return rte_ring_sc_dequeue_burst_elem(ring_.get(), into.data(), sizeof(CapturedFrame),
                                          static_cast<unsigned>(into.size()), nullptr);
  }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept { std::free(ring); }
  };
  explicit CaptureRing(std::unique_ptr<rte_ring, Free> ring) noexcept : ring_{std::move(ring)} {}

  std::unique_ptr<rte_ring, Free> ring_;
};

}  // namespace trawl::dataplane::internal
