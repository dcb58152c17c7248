#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::dataplane::internal {

// Frames lost between a driver and a kernel interface that the driver's own counters do not show.
struct KernelLosses {
  std::uint64_t received = 0;  // Arrived and dropped before we could read them.
  std::uint64_t sent = 0;      // Taken from us and dropped before they left.
};

// The drop columns of `interface` in the text of /proc/net/dev (proc(5)); zeros when it is not
// there.
[[nodiscard]] KernelLosses parse_interface_drops(std::string_view text, std::string_view interface);

// Counts the losses of one kernel interface from the moment it is made: the interface's own drops
// (a veth whose peer does not keep up), those of this process's AF_XDP sockets, of which the
// net_af_xdp driver reports only some (XDP_STATISTICS in if_xdp.h), and those of its packet
// sockets, of which net_af_packet reports none.
class LossMeter {
 public:
  LossMeter() = default;
  // Needs the driver's sockets open.
  explicit LossMeter(std::string interface);

  [[nodiscard]] KernelLosses losses();

 private:
  [[nodiscard]] KernelLosses read() const;

  std::string interface_;
  std::vector<int> xdp_sockets_;  // Borrowed from the driver.
  std::vector<int> packet_sockets_;
  KernelLosses before_;
  std::uint64_t ring_drops_ = 0;
};

}  // namespace trawl::dataplane::internal
