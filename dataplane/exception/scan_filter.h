#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/exception/scan_filter_rules.h"
#include "dataplane/exception/scan_traffic.h"

namespace trawl::dataplane {

// The name of our XDP program: what tells it from others on an interface.
inline constexpr const char* kScanFilterName = "trawl_filter";

// What the program is to be told. Ranges of source addresses beyond its 16 are joined.
[[nodiscard]] ScanFilterConfig scan_filter_config(const ScanTraffic& traffic) noexcept;

// The compiled program with its configuration in it, an ELF object for libbpf.
[[nodiscard]] std::vector<std::byte> scan_filter_object(const ScanTraffic& traffic);

// The object as a file in memory, for a driver that wants a path: gone with the process.
class ScanFilterFile {
 public:
  // Fails with Device when the kernel has no memory for it.
  [[nodiscard]] static Result<ScanFilterFile> make(const ScanTraffic& traffic);
  ~ScanFilterFile();
  ScanFilterFile(ScanFilterFile&& other) noexcept;
  ScanFilterFile& operator=(ScanFilterFile&&) = delete;
  ScanFilterFile(const ScanFilterFile&) = delete;
  ScanFilterFile& operator=(const ScanFilterFile&) = delete;

  // Valid while this lives.
  [[nodiscard]] std::string path() const;

 private:
  explicit ScanFilterFile(int fd) noexcept : fd_{fd} {}

  int fd_;
};

}  // namespace trawl::dataplane
