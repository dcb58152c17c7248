#pragma once

// Which frames of a kernel interface answer probes, as C that the BPF verifier accepts: part of
// scan_filter.bpf.c, and of the tests that compare it with ReplyParser. Every read is checked
// against the end of the frame, and there is no loop without a constant bound.

#include <linux/types.h>

#ifdef __cplusplus
namespace trawl::dataplane {
#endif

// NOLINTNEXTLINE(readability-identifier-naming): C has no other constants for array sizes.
enum { kScanFilterRanges = 16, kScanFilterMarkerSize = 16 };

// Addresses first to last, as 128-bit numbers; one of IPv4 has `high` 0 and is the lower half.
struct ScanFilterRange {
  __u64 first_high, first_low, last_high, last_low;
};

// What the program is told. It lies in the object's read-only data behind a marker by which the
// loader finds it, so that it is there before the first frame is.
struct ScanFilterConfig {
  __u8 marker[kScanFilterMarkerSize];
  __u16 ether_type;  // 0x0800 or 0x86dd.
  __u16 vlan;        // Of every frame that is meant; 0: untagged.
  __u16 has_ports;   // TCP and UDP to first_port..last_port; else ICMP messages alone.
  __u16 first_port;
  __u16 last_port;
  __u8 reply_type;    // Without ports: of the ICMP message that answers a probe,
  __u8 request_type;  // and of the probe, which an error quotes.
  // With ports: echo replies of these identifiers too; has_echoes is 0 for none.
  __u16 has_echoes, first_echo, last_echo;
  __u32 ranges;  // Used ones of our[].
  struct ScanFilterRange our[kScanFilterRanges];
};

// NOLINTBEGIN: also compiled as C.
static __inline __attribute__((always_inline)) __u16 scan_filter_read16(const __u8* at) {
  return (__u16)((__u16)at[0] << 8 | at[1]);
}

static __inline __attribute__((always_inline)) __u64 scan_filter_read64(const __u8* at) {
  __u64 value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | at[i];
  return value;
}

static __inline __attribute__((always_inline)) int scan_filter_is_ours(
    const volatile struct ScanFilterConfig* config, __u64 high, __u64 low) {
  for (__u32 i = 0; i < kScanFilterRanges; ++i) {
    if (i >= config->ranges) break;
    const volatile struct ScanFilterRange* const range = &config->our[i];
    const int from_first =
        high > range->first_high || (high == range->first_high && low >= range->first_low);
    const int to_last =
        high < range->last_high || (high == range->last_high && low <= range->last_low);
    if (from_first && to_last) return 1;
  }
  return 0;
}

static __inline __attribute__((always_inline)) int scan_filter_is_port(
    const volatile struct ScanFilterConfig* config, __u16 port) {
  return port >= config->first_port && port <= config->last_port;
}

// Whether what an ICMP error quotes is a probe: a packet from one of our addresses and ports.
static __inline __attribute__((always_inline)) int scan_filter_is_quoted(
    const volatile struct ScanFilterConfig* config, const __u8* quoted, const __u8* end) {
  __u8 protocol;
  const __u8* transport;
  if (config->ether_type == 0x0800) {
    if (quoted + 20 > end || quoted[0] >> 4 != 4) return 0;
    const __u32 size = (quoted[0] & 15U) * 4;
    if (size < 20) return 0;
    protocol = quoted[9];
    const __u64 source = scan_filter_read64(quoted + 8) & 0xffffffffU;
    if (!scan_filter_is_ours(config, 0, source)) return 0;
    transport = quoted + size;
  } else {
    if (quoted + 40 > end || quoted[0] >> 4 != 6) return 0;
    protocol = quoted[6];
    if (!scan_filter_is_ours(config, scan_filter_read64(quoted + 8),
                             scan_filter_read64(quoted + 16))) {
      return 0;
    }
    transport = quoted + 40;
  }
  if (transport + 8 > end) return 0;  // All that an error is sure to quote (RFC 792).
  if (config->has_ports) {
    if (protocol != 6 && protocol != 17) return 0;
    return scan_filter_is_port(config, scan_filter_read16(transport));
  }
  return protocol == (config->ether_type == 0x0800 ? 1 : 58) &&
         transport[0] == config->request_type;
}

// RFC 792: unreachable 3, time exceeded 11. RFC 4443: unreachable 1, time exceeded 3, parameter
// problem 4.
static __inline __attribute__((always_inline)) int scan_filter_is_error(
    const volatile struct ScanFilterConfig* config, __u8 type) {
  if (config->ether_type == 0x0800) return type == 3 || type == 11;
  return type == 1 || type == 3 || type == 4;
}

static __inline __attribute__((always_inline)) int scan_filter_wants_transport(
    const volatile struct ScanFilterConfig* config, __u8 protocol, const __u8* at,
    const __u8* end) {
  if (at + 8 > end) return 0;
  if (protocol == 6 || protocol == 17) {
    return config->has_ports && scan_filter_is_port(config, scan_filter_read16(at + 2));
  }
  if (protocol != (config->ether_type == 0x0800 ? 1 : 58)) return 0;
  if (!config->has_ports && at[0] == config->reply_type) return 1;
  if (config->has_echoes && at[0] == (config->ether_type == 0x0800 ? 0 : 129)) {
    const __u16 id = scan_filter_read16(at + 4);
    return id >= config->first_echo && id <= config->last_echo;
  }
  return scan_filter_is_error(config, at[0]) && scan_filter_is_quoted(config, at + 8, end);
}

// Whether the frame is the scanner's. ARP, neighbour discovery and fragments never are.
static __inline __attribute__((always_inline)) int scan_filter_wants(
    const volatile struct ScanFilterConfig* config, const __u8* frame, const __u8* end) {
  if (frame + 14 > end) return 0;
  __u16 type = scan_filter_read16(frame + 12);
  const __u8* ip = frame + 14;
  if (config->vlan != 0) {
    if (frame + 18 > end || type != 0x8100) return 0;
    if ((scan_filter_read16(frame + 14) & 0xfff) != config->vlan) return 0;
    type = scan_filter_read16(frame + 16);
    ip = frame + 18;
  }
  if (type != config->ether_type) return 0;
  if (type == 0x86dd) {
    if (ip + 40 > end || ip[0] >> 4 != 6) return 0;
    if (!scan_filter_is_ours(config, scan_filter_read64(ip + 24), scan_filter_read64(ip + 32))) {
      return 0;
    }
    return scan_filter_wants_transport(config, ip[6], ip + 40, end);
  }
  if (ip + 20 > end || ip[0] >> 4 != 4) return 0;
  const __u32 size = (ip[0] & 15U) * 4;
  if (size < 20 || (scan_filter_read16(ip + 6) & 0x3fff) != 0) return 0;
  if (!scan_filter_is_ours(config, 0, scan_filter_read64(ip + 12) & 0xffffffffU)) return 0;
  return scan_filter_wants_transport(config, ip[9], ip + size, end);
}
// NOLINTEND

#ifdef __cplusplus
}  // namespace trawl::dataplane
#endif
