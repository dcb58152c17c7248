#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

namespace trawl::dataplane {

// How packets to an address leave this machine.
struct Route {
  int interface = 0;                 // Its index.
  IpAddress source;                  // What the kernel would send from.
  std::optional<IpAddress> gateway;  // nullopt for hosts on the link.
  bool is_local = false;             // An address of this machine's own.
};

// An interface as the kernel describes it.
struct InterfaceFacts {
  int index = 0;
  std::string name;
  unsigned mtu = 1500;
  bool is_up = false;
  bool is_loopback = false;
  bool is_ethernet = false;
  MacAddress mac;  // Of an Ethernet.
};

// The kernel's routes, asked for one address at a time by rtnetlink(7), in the network namespace of
// the thread that opened it.
//
// Thread: one user.
class RouteTable {
 public:
  // Fails with Runtime when the kernel gives no socket.
  [[nodiscard]] static Result<RouteTable> open();
  ~RouteTable();
  RouteTable(RouteTable&& other) noexcept;
  RouteTable& operator=(RouteTable&&) = delete;
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // nullopt when there is no way to `destination`. `interface` is the index of one to go through, 0
  // for whichever the kernel takes.
  [[nodiscard]] std::optional<Route> find(const IpAddress& destination, int interface = 0);

 private:
  explicit RouteTable(int fd) noexcept : fd_{fd} {}

  int fd_ = -1;
  std::uint32_t serial_ = 0;
};

// Fails with Device when there is no such interface.
[[nodiscard]] Result<InterfaceFacts> look_up_interface(const std::string& name);
[[nodiscard]] Result<InterfaceFacts> look_up_interface(int index);

}  // namespace trawl::dataplane
