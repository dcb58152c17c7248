// Gives the scanner's AF_XDP sockets the frames that answer probes and leaves every other frame to
// the kernel. Built for bpf, and part of the trawl binary: see scan_filter.h.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/exception/scan_filter_rules.h"

// The name under which the af_xdp driver looks for it: the socket of each receive queue.
struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

const volatile struct ScanFilterConfig config = {
    .marker = {'t', 'r', 'a', 'w', 'l', ' ', 's', 'c', 'a', 'n', ' ', 'f', 'i', 'l', 't', 'r'}};

SEC("xdp")
int trawl_filter(struct xdp_md* context) {
  const __u8* const frame = (const __u8*)(long)context->data;
  const __u8* const end = (const __u8*)(long)context->data_end;
  if (!scan_filter_wants(&config, frame, end)) return XDP_PASS;
  // On a queue that has no socket the kernel gets the frame after all.
  return (int)bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

const char _license[] SEC("license") = "Apache-2.0";
