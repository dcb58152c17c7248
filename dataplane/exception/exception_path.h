#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "dataplane/exception/interface_claim.h"
#include "dataplane/exception/scan_filter.h"
#include "dataplane/exception/scan_traffic.h"
#include "dataplane/exception/xdp_program.h"

namespace trawl::dataplane {

// Keeps apart what of a kernel interface is the scan's and what is the kernel's, while a scan runs:
// the kernel picks none of the scan's ports for connections of its own, and never answers what is
// not for it. Undone when this goes; by the next trawl, when the process is killed. Says then in
// the log when a program took one of the ports meanwhile.
//
// Thread: the control thread.
class ExceptionPath {
 public:
  // Reserves the ports. Fails with Device when a socket of somebody else is bound to one of them.
  [[nodiscard]] static Result<ExceptionPath> open(const ScanTraffic& traffic,
                                                  InterfaceClaim& claim);
  ~ExceptionPath();
  ExceptionPath(ExceptionPath&& other) noexcept;
  ExceptionPath& operator=(ExceptionPath&&) = delete;
  ExceptionPath(const ExceptionPath&) = delete;
  ExceptionPath& operator=(const ExceptionPath&) = delete;

  // The XDP program as a file for the driver: valid until the driver has read it.
  [[nodiscard]] Result<ScanFilterFile> program() const { return ScanFilterFile::make(traffic_); }
  // Puts the program in place of libxdp's, once sockets are open.
  [[nodiscard]] Result<void> filter_in_generic_mode();
  // To be called before those sockets are closed.
  void restore_generic_mode() noexcept { generic_.reset(); }
  // For packet sockets: the kernel drops its copies of replies. Says in the log when it can not.
  void silence_kernel();

 private:
  ExceptionPath(const ScanTraffic& traffic, InterfaceClaim& claim)
      : traffic_{traffic}, claim_{&claim}, interface_{claim.interface()} {}

  void tell_of_others() const noexcept;

  ScanTraffic traffic_;
  InterfaceClaim* claim_;
  std::string interface_;
  std::string table_;
  bool reserved_ = false;
  bool had_ports_ = false;  // Nobody else had one of them at the start.
  std::optional<GenericScanFilter> generic_;
};

}  // namespace trawl::dataplane
