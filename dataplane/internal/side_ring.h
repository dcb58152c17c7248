#pragma once

#include <rte_ring_elem.h>

#include <cstdlib>
#include <memory>
#include <span>

#include "base/result.h"
#include "dataplane/captured_frame.h"
#include "dataplane/syn_ack_head.h"

namespace trawl::dataplane::internal {

// What goes beside replies from the receiving core to the control thread where somebody wants it,
// in ordinary memory: what DPDK was given at its start does not depend on that.
//
// Thread: one puts, another takes.
template <typename Element>
class SideRing {
 public:
  // `elements` is a power of two; one less fit. Fails with Runtime when memory is short.
  [[nodiscard]] static Result<SideRing> make(unsigned elements);

  [[nodiscard]] unsigned room() const noexcept { return rte_ring_free_count(ring_.get()); }
  [[nodiscard]] unsigned capacity() const noexcept { return rte_ring_get_capacity(ring_.get()); }
  // Needs elements.size() <= room().
  void put(std::span<const Element> elements) noexcept {
    rte_ring_sp_enqueue_bulk_elem(ring_.get(), elements.data(), sizeof(Element),
                                  static_cast<unsigned>(elements.size()), nullptr);
  }
  // Returns how many.
  [[nodiscard]] std::size_t take(std::span<Element> into) noexcept {
    return rte_ring_sc_dequeue_burst_elem(ring_.get(), into.data(), sizeof(Element),
                                          static_cast<unsigned>(into.size()), nullptr);
  }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept { std::free(ring); }
  };
  explicit SideRing(std::unique_ptr<rte_ring, Free> ring) noexcept : ring_{std::move(ring)} {}

  std::unique_ptr<rte_ring, Free> ring_;
};

using CaptureRing = SideRing<CapturedFrame>;
using SynAckRing = SideRing<SynAckHead>;
extern template class SideRing<CapturedFrame>;
extern template class SideRing<SynAckHead>;

}  // namespace trawl::dataplane::internal
