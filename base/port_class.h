#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trawl {

// What stands behind a port that answered a SYN with a SYN-ACK: whether there is a service at all
// (Izhikevich et al., "LZR: Identifying Unexpected Internet Services", USENIX Security 2021).
enum class PortClass : std::uint8_t {
  Unknown,     // Nothing came after the SYN-ACK that would tell, or nobody asked.
  Service,     // Data came.
  Accepts,     // It acknowledged our data and said nothing.
  ZeroWindow,  // It lets nobody send: its window stayed zero.
  Resets,      // It broke the connection off after the handshake, without a word.
  Tarpit,      // It holds connections: its window stays tiny, or it trickles without end.
  Middlebox    // The SYN-ACK came from something on the way: data is never acknowledged, or a port
               // drawn at random is "open" there, too.
};
inline constexpr unsigned kPortClasses = 7;

// "unknown", "service", "accepts", "zero-window", "resets", "tarpit", "middlebox".
[[nodiscard]] std::string_view to_string(PortClass port_class) noexcept;
[[nodiscard]] std::optional<PortClass> parse_port_class(std::string_view text) noexcept;

}  // namespace trawl
