#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <atomic>
#include <cstdint>

#include "dataplane/exception/kernel_exchange.h"
#include "dataplane/internal/frame_sender.h"
#include "dataplane/raw_exchange.h"
#include "dataplane/sweep.h"
#include "dataplane/target.h"

namespace trawl::dataplane::internal {

// A sweep on its way: what is probed, and how far each lane is.
struct SweepRun {
  Sweep sweep;
  Lanes* lanes = nullptr;
  std::uint64_t number = 0;  // 1, 2, ...
};

// What the cores of one scan share besides the plan. Each field has one writer.
struct alignas(64) SharedState {
  std::atomic<bool> stop{false};              // Control: leave the loops.
  std::atomic<const SweepRun*> run{nullptr};  // Control: replaced when every sender finished it.
  std::atomic<double> rate{0.0};              // Control: packets/s of all senders, < 0: no limit.
  std::atomic<bool> replies_piling{false};    // Receiver: the reply ring is nearly full.
  std::atomic<bool> is_held{false};           // Control: nothing new is sent.
};

// A probe that control wants besides the sweep.
template <typename Address>
struct ProbeRequest {
  BasicTarget<Address> target;
  std::uint32_t attempt = 0;
};

// Where one sending loop sits.
struct TxSeat {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  BufferUse use = BufferUse::Returns;
  rte_mempool* pool = nullptr;          // Holds probe frames only, prepared from the template.
  rte_mempool* control_pool = nullptr;  // For ARP and neighbour discovery.
  rte_ring* answers = nullptr;          // Of frames made by the receiver; nullptr on other senders.
  KernelExchange* kernel = nullptr;     // With what the kernel wants sent; likewise, or none.
  RawExchange* raw = nullptr;           // With packets of others; likewise, or none.
  rte_ring* talk = nullptr;             // Of frames of conversations; nullptr on other senders.
  rte_ring* requests = nullptr;  // Of ProbeRequest elements: what control wants; nullptr on others.
  rte_ring* resets = nullptr;    // Of targets whose SYN-ACKs want a reset: this sender's part.
  unsigned sender = 0;           // Which share of the lanes this loop owns,
  unsigned senders = 1;          // of how many; at most kLanes.
};

}  // namespace trawl::dataplane::internal
