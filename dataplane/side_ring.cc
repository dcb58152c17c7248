#include "dataplane/internal/side_ring.h"

#include <fmt/format.h>
#include <rte_common.h>
#include <rte_errno.h>

#include <cstddef>

namespace trawl::dataplane::internal {

template <typename Element>
Result<SideRing<Element>> SideRing<Element>::make(unsigned elements) {
  const ssize_t size = rte_ring_get_memsize_elem(sizeof(Element), elements);
  if (size <= 0) {
    return fail(ExitCode::Runtime, fmt::format("a ring beside the replies cannot be made ({})",
                                               rte_strerror(static_cast<int>(-size))));
  }
  const auto rounded = RTE_ALIGN_CEIL(static_cast<std::size_t>(size), RTE_CACHE_LINE_SIZE);
  std::unique_ptr<rte_ring, Free> ring{
      static_cast<rte_ring*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, rounded))};
  if (!ring || rte_ring_init(ring.get(), "side", elements, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
    return fail(
        ExitCode::Runtime,
        fmt::format("not enough memory for the {} bytes of a ring beside the replies", rounded));
  }
  return SideRing{std::move(ring)};
}

template class SideRing<CapturedFrame>;
template class SideRing<SynAckHead>;

}  // namespace trawl::dataplane::internal
