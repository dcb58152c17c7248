#include "bench/simnet/counters.h"

#include <fmt/format.h>

#include <iterator>

namespace trawl::simnet {
namespace {

constexpr std::array<std::string_view, kCounters> kNames{"frames_received",
                                                         "arp_answered",
                                                         "arp_ignored",
                                                         "neighbour_answered",
                                                         "neighbour_ignored",
                                                         "multicast_ignored",
                                                         "other_destination_ignored",
                                                         "other_ethertype_ignored",
                                                         "malformed",
                                                         "bad_ip_checksum",
                                                         "fragments_ignored",
                                                         "lost_in",
                                                         "lost_in_burst",
                                                         "dropped_in",
                                                         "no_route",
                                                         "to_silent",
                                                         "forwarded",
                                                         "syn_to_dead",
                                                         "other_to_dead",
                                                         "to_unreachable",
                                                         "to_unreachable_ignored",
                                                         "bad_transport_checksum",
                                                         "echo_answered",
                                                         "timestamp_answered",
                                                         "udp_to_open",
                                                         "udp_to_closed",
                                                         "udp_dropped",
                                                         "other_protocol_ignored",
                                                         "syn_to_open",
                                                         "syn_to_closed",
                                                         "syn_dropped",
                                                         "other_tcp_reset",
                                                         "rst_ignored",
                                                         "other_tcp_ignored",
                                                         "os_probes_answered",
                                                         "os_probes_ignored",
                                                         "conversation_resets",
                                                         "conversation_segments",
                                                         "replies_made",
                                                         "replies_lost_out",
                                                         "replies_lost_out_burst",
                                                         "replies_dropped_out",
                                                         "replies_network_limited",
                                                         "replies_rate_limited",
                                                         "replies_icmp_limited",
                                                         "replies_queue_overflow",
                                                         "replies_sent",
                                                         "replies_discarded_link_down",
                                                         "replies_no_buffer",
                                                         "timer_replies",
                                                         "timers_full",
                                                         "flood_replies",
                                                         "probes_first",
                                                         "probes_repeated",
                                                         "probes_unlisted",
                                                         "conversations_opened",
                                                         "conversations_completed",
                                                         "conversations_reopened",
                                                         "conversations_abandoned",
                                                         "conversations_evicted",
                                                         "conversations_refused",
                                                         "conversation_bytes_sent",
                                                         "conversation_bytes_received",
                                                         "conversation_retransmissions",
                                                         "conversation_segments_dropped",
                                                         "fake_extra_packets",
                                                         "fake_extra_resets",
                                                         "fake_extra_most",
                                                         "forged_sent",
                                                         "forged_discarded_link_down",
                                                         "tx_retries",
                                                         "uplink_received",
                                                         "uplink_arp",
                                                         "uplink_ignored",
                                                         "uplink_unresolved",
                                                         "uplink_held_overflow",
                                                         "uplink_ttl_expired",
                                                         "uplink_no_neighbour",
                                                         "uplink_sent",
                                                         "uplink_returned",
                                                         "uplink_discarded_link_down"};

}  // namespace

std::string_view to_string(Counter counter) noexcept {
  return kNames[static_cast<std::size_t>(counter)];
}

std::string Counters::to_json() const {
  std::string json = "{";
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    fmt::format_to(std::back_inserter(json), "{}\"{}\":{}", i == 0 ? "" : ",", to_string(counter),
                   get(counter));
  }
  return json + "}";
}

}  // namespace trawl::simnet
