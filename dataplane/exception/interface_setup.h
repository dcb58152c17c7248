#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

namespace trawl::dataplane {

// Addresses and routes of one kernel interface, set by rtnetlink(7) in the network namespace of the
// thread that opened it. Whatever it sets goes with the interface.
//
// Thread: one user. All functions fail with Device, naming what the kernel said.
class InterfaceSetup {
 public:
  // Needs an interface.
  [[nodiscard]] static Result<InterfaceSetup> open(const std::string& interface);
  ~InterfaceSetup();
  InterfaceSetup(InterfaceSetup&& other) noexcept;
  InterfaceSetup& operator=(InterfaceSetup&&) = delete;
  InterfaceSetup(const InterfaceSetup&) = delete;
  InterfaceSetup& operator=(const InterfaceSetup&) = delete;

  // The address alone, without a network around it, and without asking whether others have it.
  [[nodiscard]] Result<void> add_address(const IpAddress& address);
  // A default route through `gateway`, which counts as being on the link. Its metric is that of no
  // other route, and higher than those of all that are set otherwise: it is taken by what is bound
  // to the interface, and where there is no other.
  [[nodiscard]] Result<void> add_default_route(const IpAddress& gateway, const IpAddress& source);
  // Notes for good where a neighbour is.
  [[nodiscard]] Result<void> add_neighbour(const IpAddress& address, MacAddress mac);
  [[nodiscard]] Result<void> bring_up();

 private:
  InterfaceSetup(std::string interface, int index, int fd) noexcept
      : interface_{std::move(interface)}, index_{index}, fd_{fd} {}
  template <typename Request>
  [[nodiscard]] Result<void> ask(Request& request, const std::string& what);

  std::string interface_;
  int index_ = 0;
  int fd_ = -1;
};

// Writes a setting of one interface under /proc/sys/net (ip-sysctl in the kernel's documentation):
// ipv4/conf/NAME/KEY, ipv6/conf/NAME/KEY. Where it can not be written, it stays as it is.
void set_interface_option(const std::string& interface, const char* family, const char* key,
                          int value) noexcept;

}  // namespace trawl::dataplane
