#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <cstdint>

namespace trawl::dataplane::internal {

// How a driver treats the buffers it is given.
enum class BufferUse : std::uint8_t {
  Returns,  // Copied or sent, then freed with their bytes as they were: a prepared frame stays one.
  Keeps,    // Handed on to somebody who may write them (net_ring): prepare each time.
  Copies    // As Returns, but the driver may free buffers it does not report (see send()).
};

// One transmit queue, used by one polling core.
class FrameSender {
 public:
  FrameSender(std::uint16_t port, std::uint16_t queue, BufferUse use) noexcept
      : port_{port}, queue_{queue}, use_{use} {}

  [[nodiscard]] BufferUse use() const noexcept { return use_; }

  // Hands frames to the driver; returns how many it took. The rest still belongs to the caller.
  //
  // net_af_packet reports 0 after a failed sendto() although it has taken and freed frames. With an
  // extra reference each, what it freed can be seen, and nothing is freed twice.
  [[nodiscard]] std::uint16_t send(rte_mbuf** frames, std::uint16_t count) const noexcept {
    if (use_ != BufferUse::Copies) return rte_eth_tx_burst(port_, queue_, frames, count);
    for (std::uint16_t i = 0; i < count; ++i) rte_mbuf_refcnt_set(frames[i], 2);
    (void)rte_eth_tx_burst(port_, queue_, frames, count);
    std::uint16_t taken = 0;
    while (taken < count && rte_mbuf_refcnt_read(frames[taken]) == 1) ++taken;
    for (std::uint16_t i = taken; i < count; ++i) rte_mbuf_refcnt_set(frames[i], 1);
    rte_pktmbuf_free_bulk(frames, taken);
    return taken;
  }

 private:
  std::uint16_t port_;
  std::uint16_t queue_;
  BufferUse use_;
};

}  // namespace trawl::dataplane::internal
