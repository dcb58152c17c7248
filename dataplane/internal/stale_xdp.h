#pragma once

#include <string>

#include "base/result.h"

namespace trawl::dataplane::internal {

// Says to other processes that an interface is in use, for as long as this lives. The lock is on a
// file under /run, which goes with it; the kernel lets go of it however the process ends.
class InterfaceClaim {
 public:
  InterfaceClaim() = default;
  // Fails with Device when another trawl has the interface. Where /run can not be written to, there
  // is no lock and no failure.
  [[nodiscard]] static Result<InterfaceClaim> take(const std::string& interface);
  ~InterfaceClaim();
  InterfaceClaim(InterfaceClaim&& other) noexcept;
  InterfaceClaim& operator=(InterfaceClaim&& other) noexcept;

 private:
  std::string path_;
  int fd_ = -1;
};

// Takes the XDP program of AF_XDP sockets off an interface: a killed process leaves it there, and
// it refuses the sockets of the next. Others' programs stay. Needs the claim, or the sockets might
// be alive.
void remove_stale_xdp(const std::string& interface) noexcept;

}  // namespace trawl::dataplane::internal
