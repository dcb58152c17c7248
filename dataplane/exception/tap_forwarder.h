#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/exception/kernel_exchange.h"
#include "dataplane/exception/tap_device.h"

namespace trawl::dataplane {

// Carries frames between a TAP and the rings of a KernelExchange, on a thread for each direction:
// a frame is a system call, so one thread for both would carry half as many.
//
// Both threads sleep while there is nothing to carry. They are no polling threads.
// Cost: bench/dataplane/tap_bench.cc.
class TapForwarder {
 public:
  // Starts at once. The threads run on `cpus`, those of the caller where there are none. Needs the
  // exchange to outlive this.
  TapForwarder(TapDevice device, KernelExchange& exchange, const std::vector<unsigned>& cpus);
  // Frames that are still in the rings are not carried any more.
  ~TapForwarder();
  TapForwarder(const TapForwarder&) = delete;
  TapForwarder& operator=(const TapForwarder&) = delete;

 private:
  void carry_up() noexcept;
  void carry_down() noexcept;
  // False when there was nothing.
  bool write_waiting() noexcept;
  enum class Reading { Emptied, RingFull, Refused, Goes };
  Reading read_some() noexcept;
  void wait_for_kernel() noexcept;

  TapDevice device_;
  KernelExchange& exchange_;
  std::atomic<bool> stop_{false};
  int stop_event_;
  std::thread up_;
  std::thread down_;
};

}  // namespace trawl::dataplane
