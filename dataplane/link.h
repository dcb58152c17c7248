#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/mac.h"
#include "base/result.h"
#include "base/units.h"
#include "dataplane/exception/scan_traffic.h"
#include "dataplane/link_spec.h"

struct rte_mempool;

namespace trawl::dataplane {
namespace internal {
class LossMeter;
}  // namespace internal
class ExceptionPath;
class InterfaceClaim;

struct LinkOptions {
  std::uint16_t senders = 1;     // Cores that send, each through a queue of its own.
  std::uint16_t tx_ring = 1024;  // Descriptors wanted; the driver's limits win.
  std::uint16_t rx_ring = 2048;
  unsigned tx_buffers = 4096;   // Frame buffers per sender, in a pool of its own.
  unsigned rx_buffers = 16384;  // At least; more where there are many queues.
  // All that is wanted of a kernel interface: the rest stays with the kernel. Absent: every frame
  // is taken.
  std::optional<ScanTraffic> scan = std::nullopt;
  // The interface under an af_xdp vdev is for us alone: claimed, and rid of what a killed owner
  // left. Without meaning where `scan` is set.
  bool exclusive = false;
};

// What the link itself counted since it was opened.
struct LinkCounters {
  std::uint64_t tx_frames = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t rx_frames = 0;
  std::uint64_t tx_dropped = 0;  // Taken by the kernel interface and dropped there.
  std::uint64_t rx_missed = 0;   // Arrived, but there was no room: replies lost here.
  std::uint64_t rx_errors = 0;
  std::uint64_t rx_no_buffer = 0;
};

// A NIC port as the dataplane sees it: a started DPDK ethdev with its queues and buffer pools.
//
// Needs Eal::start() first. Thread: open and close on the control thread; queue n of port() belongs
// to the one polling core that uses it.
class Link {
 public:
  // Opens, configures and starts. A kernel interface is tried as af_xdp first, then af_packet.
  // Fails with Device: no such interface, missing capability, driver refusal.
  [[nodiscard]] static Result<std::unique_ptr<Link>> open(const LinkSpec& spec,
                                                          const LinkOptions& options);
  // Says early, before DPDK starts, why open() could not work: no such interface, interface down,
  // no permission. Fails with Device.
  [[nodiscard]] static Result<void> check(const LinkSpec& spec);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // How many queues each way a link will have: one for each sender, and as many as the interface
  // spreads received frames over.
  [[nodiscard]] static std::uint16_t queues_for(const LinkSpec& spec,
                                                std::uint16_t senders) noexcept;
  // The memory DPDK needs for that many.
  [[nodiscard]] static ByteCount memory_for(std::uint16_t queues) noexcept;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // Queues each way; all of them must be read.
  [[nodiscard]] std::uint16_t queues() const noexcept { return queues_; }
  [[nodiscard]] rte_mempool* tx_pool(unsigned queue) const noexcept { return tx_pools_[queue]; }
  [[nodiscard]] rte_mempool* rx_pool() const noexcept { return rx_pool_; }
  [[nodiscard]] MacAddress mac() const noexcept { return mac_; }
  [[nodiscard]] const LinkSpec& spec() const noexcept { return spec_; }
  // "net_af_xdp", "net_memif", ...
  [[nodiscard]] const std::string& driver() const noexcept { return driver_; }
  // The largest IP packet that fits a frame and a buffer, in bytes.
  [[nodiscard]] unsigned mtu() const noexcept;
  [[nodiscard]] LinkCounters counters() const noexcept;
  // Whether ARP and neighbour discovery go to the kernel instead of the receive queues.
  [[nodiscard]] bool kernel_has_neighbours() const noexcept { return filtered_; }
  // Has the NIC pass up frames to every Ethernet group, where it filters them at all.
  void receive_groups() noexcept;
  // False when the cable, the peer or the kernel interface is down or gone.
  [[nodiscard]] bool is_up() const noexcept;
  // Waits up to five seconds for is_up().
  [[nodiscard]] bool wait_until_up() const;

 private:
  static constexpr unsigned kMostQueues = 64;
  static constexpr std::uint16_t kNoPort = 0xffff;

  Link();
  Result<void> attach(const LinkOptions& options);
  Result<void> attach_interface(const LinkOptions& options);
  Result<void> attach_vdev(const LinkOptions& options);
  Result<void> claim_interface(const LinkOptions& options);
  Result<void> attach_xdp(const std::string& device, const LinkOptions& options,
                          std::uint16_t queues);
  void detach() noexcept;
  Result<void> probe(const std::string& device, const std::string& driver);
  Result<void> make_pools(const LinkOptions& options);
  Result<void> configure(const LinkOptions& options, std::uint16_t queues);

  LinkSpec spec_;
  std::string driver_;
  std::string device_name_;
  std::uint16_t port_ = kNoPort;
  std::uint16_t queues_ = 1;
  MacAddress mac_;
  rte_mempool* tx_pools_[kMostQueues] = {};
  rte_mempool* rx_pool_ = nullptr;
  bool filtered_ = false;  // By our XDP program.
  // In this order: the path notes in the claim what it does.
  std::unique_ptr<InterfaceClaim> claim_;
  std::unique_ptr<ExceptionPath> exception_;
  std::unique_ptr<internal::LossMeter> kernel_losses_;
};

}  // namespace trawl::dataplane
