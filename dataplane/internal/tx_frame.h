#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

namespace trawl::dataplane::internal {

// Where the frame of a pool buffer lies: behind the mbuf and the headroom. Worked out rather than
// read from the mbuf, which is in no near cache when a burst is stamped.
inline std::byte* frame_of(rte_mbuf* buffer) noexcept {
  return reinterpret_cast<std::byte*>(buffer) + sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM;
}

inline void set_length(rte_mbuf* buffer, std::size_t size) noexcept {
  buffer->data_off = RTE_PKTMBUF_HEADROOM;
  buffer->data_len = static_cast<std::uint16_t>(size);
  buffer->pkt_len = static_cast<std::uint32_t>(size);
  buffer->ol_flags = 0;
}

}  // namespace trawl::dataplane::internal
