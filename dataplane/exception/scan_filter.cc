#include "dataplane/exception/scan_filter.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <tuple>
#include <utility>

#include "dataplane/wire.h"

namespace trawl::dataplane {

// Written by the build: the program as clang compiled it.
extern const unsigned char kScanFilterElf[];
extern const std::size_t kScanFilterElfSize;

namespace {

constexpr char kMarker[] = "trawl scan filtr";
static_assert(sizeof kMarker - 1 == kScanFilterMarkerSize);

std::pair<__u64, __u64> halves(const IpAddress& address) noexcept {
  if (address.is_v4()) return {0, address.v4().value()};
  const Uint128 value = address.v6().value();
  return {static_cast<__u64>(value >> 64U), static_cast<__u64>(value)};
}

}  // namespace

ScanFilterConfig scan_filter_config(const ScanTraffic& traffic) noexcept {
  constexpr __u8 kEchoReply = 0;
  constexpr __u8 kEcho = 8;
  constexpr __u8 kEchoReply6 = 129;
  constexpr __u8 kEcho6 = 128;
  const bool v4 = traffic.is_v4();
  ScanFilterConfig config{};
  std::memcpy(config.marker, kMarker, kScanFilterMarkerSize);
  config.ether_type = v4 ? wire::kTypeIpv4 : wire::kTypeIpv6;
  config.vlan = traffic.vlan.id();
  config.has_ports = has_ports(traffic.kind) ? 1 : 0;
  config.first_port = traffic.ports.first;
  config.last_port = traffic.ports.last;
  if (traffic.echoes) {
    config.has_echoes = 1;
    config.first_echo = traffic.echoes->first;
    config.last_echo = traffic.echoes->last;
  }
  config.reply_type = v4 ? kEchoReply : kEchoReply6;
  config.request_type = v4 ? kEcho : kEcho6;
  if (traffic.kind == ProbeKind::IcmpTimestamp) {
    config.reply_type = wire::kIcmpTimestampReply;
    config.request_type = wire::kIcmpTimestamp;
  }
  for (const auto& [first, last] : traffic.source_ranges(kScanFilterRanges)) {
    ScanFilterRange& range = config.our[config.ranges++];
    std::tie(range.first_high, range.first_low) = halves(first);
    std::tie(range.last_high, range.last_low) = halves(last);
  }
  return config;
}

std::vector<std::byte> scan_filter_object(const ScanTraffic& traffic) {
  const std::span<const unsigned char> elf{kScanFilterElf, kScanFilterElfSize};
  std::vector<std::byte> object(elf.size());
  std::memcpy(object.data(), elf.data(), elf.size());
  const auto marker = std::as_bytes(std::span{kMarker, std::size_t{kScanFilterMarkerSize}});
  const auto at = std::search(object.begin(), object.end(), marker.begin(), marker.end());
  const ScanFilterConfig config = scan_filter_config(traffic);
  std::memcpy(&*at, &config, sizeof config);
  return object;
}

Result<ScanFilterFile> ScanFilterFile::make(const ScanTraffic& traffic) {
  const auto object = scan_filter_object(traffic);
  ScanFilterFile file{memfd_create("trawl_scan_filter", MFD_CLOEXEC)};
  if (file.fd_ < 0 ||
      write(file.fd_, object.data(), object.size()) != static_cast<ssize_t>(object.size())) {
    return fail(ExitCode::Device,
                fmt::format("no memory for the XDP program ({})", std::strerror(errno)));
  }
  return file;
}

ScanFilterFile::~ScanFilterFile() {
  if (fd_ >= 0) close(fd_);
}

ScanFilterFile::ScanFilterFile(ScanFilterFile&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)} {}

std::string ScanFilterFile::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

}  // namespace trawl::dataplane
