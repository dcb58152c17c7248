#include "dataplane/counters.h"

namespace trawl::dataplane {
namespace {

using enum CounterKind;

constexpr std::array<CounterInfo, kCounters> kInfo{{
    {"probes_sent", "probes handed to the link", Traffic},
    {"probes_deferred", "probes that waited for a neighbour's address", Delay},
    {"probes_blocked", "probes stopped by the egress guard", Loss},
    {"probes_opted_out", "probes withheld: their address was blocked during the survey", Traffic},
    {"probes_no_neighbour", "probes to on-link addresses that answered no request", Traffic},
    {"probes_abandoned", "probes given up when the time was over", Loss},
    {"arp_requests", "ARP requests sent", Traffic},
    {"arp_answers", "ARP requests for our address answered", Traffic},
    {"neighbour_requests", "neighbour solicitations sent", Traffic},
    {"neighbour_answers", "neighbour solicitations for our address answered", Traffic},
    {"neighbour_answers_lost", "answers for our address that the kernel did not send", Delay},
    {"tx_ring_full", "bursts the link took only in part (the rest was sent later)", Delay},
    {"tx_no_buffer", "bursts that waited for a frame buffer", Delay},
    {"tx_back_pressure", "polls in which sending waited for replies to be read", Delay},
    {"tx_held", "polls in which sending waited for who works on what was found", Delay},
    {"probes_limited", "probes that waited until their network could be sent more", Delay},
    {"tx_networks_wait", "polls in which every probe in sight waited for its network", Delay},
    {"pacing_stalls", "stalls too long to catch up with", Delay},
    {"tx_kernel", "frames sent for the kernel", Traffic},
    {"kernel_blocked", "frames of the kernel stopped by the egress guard", Ignored},
    {"kernel_scan_port", "packets of the kernel from a port of the survey, not sent", Ignored},
    {"rx_frames", "frames received", Traffic},
    {"rx_arp", "ARP frames received", Traffic},
    {"rx_neighbour", "neighbour discovery packets received", Traffic},
    {"neighbours_missed", "answers of neighbours that found no room (they are asked again)", Delay},
    {"rx_truncated", "frames shorter than their headers say", Ignored},
    {"rx_not_ipv4", "frames of other protocols than IPv4 and ARP", Ignored},
    {"rx_not_ipv6", "frames of other protocols than IPv6", Ignored},
    {"rx_bad_header", "frames with an impossible IP or TCP header", Ignored},
    {"rx_fragment", "IP fragments", Ignored},
    {"rx_other_address", "packets for another address than ours", Ignored},
    {"rx_other_protocol", "packets neither TCP nor ICMP", Ignored},
    {"rx_other_port", "TCP segments for ports we do not scan from", Ignored},
    {"rx_not_a_reply", "packets of a form no probe is answered by", Ignored},
    {"rx_forged", "answers that fail validation under the scan key", Ignored},
    {"rx_icmp_other", "ICMP messages that quote no probe", Ignored},
    {"rx_other_vlan", "frames untagged or of another VLAN than ours", Ignored},
    {"rx_valid", "valid replies", Traffic},
    {"rx_kernel", "frames passed on to the kernel", Traffic},
    {"rx_kernel_full", "frames for the kernel dropped: too many were waiting", Ignored},
    {"kernel_refused", "frames that the kernel's interface did not take", Ignored},
    {"rx_waits", "polls in which receiving waited for replies to be read, or answers to leave",
     Delay},
    {"resets_sent", "resets sent to end the handshakes of open ports", Traffic},
    {"resets_blocked", "resets stopped by the egress guard", Traffic},
    {"resets_limited", "resets that waited until their network could be sent more", Delay},
    {"resets_withheld", "SYN-ACKs repeated after enough resets", Ignored},
    {"resets_dropped", "resets left out: too many were waiting, or the survey was over", Delay},
    {"talk_handshakes", "TCP handshakes answered", Traffic},
    {"talk_frames", "frames sent in conversations", Traffic},
    {"talk_segments", "segments of conversations received", Traffic},
    {"talk_banners", "conversations that came to an end", Traffic},
    {"talk_second_calls", "SYNs of second connections to a port", Traffic},
    {"talk_blocked", "frames of conversations stopped by the egress guard", Traffic},
    {"talk_limited", "frames of conversations that waited for the budget of their network", Delay},
    {"talk_abandoned", "frames of conversations not sent before the end", Delay},
    {"talk_ring_full", "frames of conversations left out while senders were busy", Delay},
    {"talk_no_neighbour", "frames of conversations without a known next hop", Delay},
    {"talk_table_full", "segments put off: as many conversations as may be", Delay},
    {"talk_no_slab", "words put off until banners are read", Delay},
    {"talk_scattered", "segments behind too many gaps, left to be repeated", Delay},
    {"talk_beyond", "segments beyond what is wanted of a banner", Ignored},
    {"talk_repeats", "SYN-ACKs repeated after enough answers", Ignored},
    {"talk_stragglers", "segments after the end of their conversation", Ignored},
    {"talk_headless", "conversations whose first bytes never came", Ignored},
}};

}  // namespace

const CounterInfo& counter_info(Counter counter) noexcept {
  return kInfo[static_cast<std::size_t>(counter)];
}

}  // namespace trawl::dataplane
