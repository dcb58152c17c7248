#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace trawl::dataplane {

// The headers of a SYN-ACK, less its addresses, ports and sequence numbers: all that it tells of
// the stack that made it, on its way from a receiving core to whoever looks that up.
//
// The options are as they came (RFC 9293 section 3.1); what they mean is not looked at here.
struct SynAckHead {
  static constexpr std::size_t kMostOptions = 40;

  std::uint8_t ip_version = 4;
  std::uint8_t ttl = 0;              // Or hop limit, as it arrived.
  std::uint8_t traffic_class = 0;    // Of IPv4 the type of service.
  std::uint8_t ip_options_size = 0;  // In bytes, of IPv4.
  std::uint16_t fragment = 0;        // IPv4's flags and offset; 0 of IPv6.
  std::uint16_t ip_id = 0;           // Of IPv4.
  std::uint16_t window = 0;
  std::uint16_t urgent_pointer = 0;
  std::uint8_t offset = 0;  // The byte of the data offset, with what is reserved beside it.
  std::uint8_t flags = 0;
  std::uint8_t options_size = 0;
  bool has_flow_label = false;
  bool is_sequence_zero = false;
  bool is_ack_zero = false;
  bool has_data = false;
  std::uint8_t unused = 0;
  std::array<std::byte, kMostOptions> options{};  // Those after options_size say nothing.
};
static_assert(sizeof(SynAckHead) == 60 && std::is_trivially_copyable_v<SynAckHead>);

// Fills `head` from an IPv4 or IPv6 packet. False when it is no whole SYN-ACK: another flag than
// those of ECN, PSH and URG is set, it is cut off, a fragment, or has IPv6 extension headers;
// `head` then says nothing. Of what BasicReplyParser takes for a SYN-ACK it is always true.
// Checksums are not looked at.
//
// Thread: any. Cost: reads the headers once; allocates nothing.
[[nodiscard]] bool read_syn_ack_head(std::span<const std::byte> packet, SynAckHead& head) noexcept;

}  // namespace trawl::dataplane
