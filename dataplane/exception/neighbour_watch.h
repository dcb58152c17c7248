#pragma once

#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "dataplane/counters.h"
#include "dataplane/scan_plan.h"

namespace trawl::dataplane {

// Learns neighbours on a link where ARP and neighbour discovery are the kernel's: an XDP program
// can not give a frame to both, so the kernel gets them all, and a packet socket gets copies here.
//
// Answers for those of our addresses that the kernel does not have; for its own it does that
// itself. Thread: made and ended on the control thread; has one of its own, the only one that
// learns on such a link, while sending cores count their requests in the same words, by compare and
// exchange.
template <typename Address>
class BasicNeighbourWatch {
 public:
  // Needs `plan` and `counters` to outlive it, and nobody else to add to those counters. Fails with
  // Device when the kernel refuses the socket.
  [[nodiscard]] static Result<std::unique_ptr<BasicNeighbourWatch>> start(
      const std::string& interface, BasicScanPlan<Address>& plan, CoreCounters& counters);
  ~BasicNeighbourWatch();
  BasicNeighbourWatch(const BasicNeighbourWatch&) = delete;
  BasicNeighbourWatch& operator=(const BasicNeighbourWatch&) = delete;

 private:
  BasicNeighbourWatch(BasicScanPlan<Address>& plan, CoreCounters& counters)
      : plan_{plan}, counters_{counters} {}
  Result<void> open_socket(const std::string& interface);
  void run() noexcept;
  void read_burst() noexcept;
  void handle(std::span<std::byte> frame) noexcept;
  void send(std::span<const std::byte> answer, Address about) noexcept;

  BasicScanPlan<Address>& plan_;
  CoreCounters& counters_;
  std::vector<Address> kernels_;  // Of the kernel, sorted.
  int socket_ = -1;
  int stop_ = -1;  // An eventfd.
  struct Burst;
  std::unique_ptr<Burst> burst_;
  std::thread thread_;
};

}  // namespace trawl::dataplane
