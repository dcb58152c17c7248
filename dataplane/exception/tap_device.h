#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

namespace trawl::dataplane {

struct TapConfig {
  std::string name;  // Of the interface: at most 15 bytes.
  MacAddress mac;    // The link's: who answers one answers the other.
  unsigned mtu = 1500;
  std::vector<IpAddress> addresses;  // Of one family; never empty.
  // Where everything else is: an address on the link, or, known by its MAC alone, any. Without
  // either there is no route.
  std::optional<IpAddress> gateway;
  std::optional<MacAddress> gateway_mac;
};

// A kernel interface whose frames this process reads and writes (tun.txt in the kernel's
// documentation): the kernel's end of a link that DPDK owns.
//
// It is gone with the process, however that ends, and with it its addresses and routes. The kernel
// computes all checksums and cuts every segment, for the frames go to a wire as they are. It takes
// no part in stateless autoconfiguration: the link's address is what the survey says.
// Thread: one may read while another writes.
class TapDevice {
 public:
  // Fails with Device: no /dev/net/tun, no permission, a name that is taken.
  [[nodiscard]] static Result<TapDevice> make(const TapConfig& config);
  ~TapDevice();
  TapDevice(TapDevice&& other) noexcept;
  TapDevice& operator=(TapDevice&&) = delete;
  TapDevice(const TapDevice&) = delete;
  TapDevice& operator=(const TapDevice&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  enum class Outcome { Done, Empty, Refused };
  // One frame of the kernel; Empty when it has none now, Refused when the interface is down or
  // gone. `size` is the frame's. Needs room for the MTU and the Ethernet header.
  [[nodiscard]] Outcome read(std::span<std::byte> into, std::size_t& size) const noexcept;
  // Gives the kernel one frame.
  [[nodiscard]] Outcome write(std::span<const std::byte> frame) const noexcept;

 private:
  explicit TapDevice(int fd) noexcept : fd_{fd} {}
  [[nodiscard]] Result<void> attach(const TapConfig& config);

  int fd_;
};

}  // namespace trawl::dataplane
