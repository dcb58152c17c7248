#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/exception/scan_traffic.h"

namespace trawl::dataplane {

// What of XDP is on an interface.
struct XdpState {
  enum class Mode { None, Native, Generic, Offloaded, Several };
  Mode mode = Mode::None;
  std::vector<std::string> programs;  // Their names, as far as the kernel tells them.
};
[[nodiscard]] XdpState xdp_state(const std::string& interface);

// Whether the kernel has AF_XDP sockets and takes the program of the exception path. Fails with
// Device.
[[nodiscard]] Result<void> try_scan_filter();

enum class StaleXdp {
  Ours,          // The program of the exception path.
  OursOrLibxdps  // Or the one libxdp loads for AF_XDP sockets: anybody's, unless a trawl was there.
};
// Takes XDP programs that a killed process left off an interface: they refuse the sockets of the
// next. True when there was one. Needs the claim, or the sockets might be alive.
bool remove_stale_xdp(const std::string& interface, StaleXdp which) noexcept;

// The program of the exception path in place of the one that libxdp attaches by itself, where the
// driver of the interface refuses ours but takes any in generic mode, as libxdp does.
//
// Needs the sockets of the interface open, in libxdp's program. Puts that back when it goes, so
// that closing them finds what it left.
class GenericScanFilter {
 public:
  // Fails with Device: the kernel refuses the program, or libxdp's can not be found.
  [[nodiscard]] static Result<GenericScanFilter> attach(const std::string& interface,
                                                        const ScanTraffic& traffic);
  ~GenericScanFilter();
  GenericScanFilter(GenericScanFilter&& other) noexcept;
  GenericScanFilter& operator=(GenericScanFilter&&) = delete;
  GenericScanFilter(const GenericScanFilter&) = delete;
  GenericScanFilter& operator=(const GenericScanFilter&) = delete;

 private:
  GenericScanFilter(int index, int before, int ours, unsigned mode) noexcept
      : index_{index}, before_{before}, ours_{ours}, mode_{mode} {}

  int index_;   // Of the interface.
  int before_;  // Descriptors of the two programs.
  int ours_;
  unsigned mode_;
};

}  // namespace trawl::dataplane
