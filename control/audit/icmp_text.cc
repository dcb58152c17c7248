#include "control/audit/icmp_text.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/ip.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using namespace dataplane::wire;

constexpr std::size_t kHeader = 8;

// What an error quotes, as far as it is there.
struct Quote {
  std::string destination;
  std::uint8_t protocol = 0;
  std::span<const std::byte> payload;
};

Quote quote_of(std::span<const std::byte> packet) {
  const std::size_t header = (read8(packet.data()) & 0xfU) * std::size_t{4};
  return {.destination = Ipv4Address{read32(packet.data() + kIpDestination)}.to_string(),
          .protocol = read8(packet.data() + kIpProtocol),
          .payload = header < packet.size() ? packet.subspan(header) : packet.first(0)};
}

// The port only where there is more of the packet than RFC 792 asks for.
std::string port_unreachable(const Quote& quote) {
  constexpr std::size_t kLeast = 8;
  if (quote.payload.size() <= kLeast) return "Port unreachable";
  switch (quote.protocol) {
    case kProtocolTcp:
    case kProtocolUdp:
    case 132: return fmt::format("Port {} unreachable", read16(quote.payload.data() + 2));
    default: return fmt::format("Port unreachable (unknown protocol {})", quote.protocol);
  }
}

std::string unreachable(std::uint8_t code, const Quote& quote) {
  const std::string& host = quote.destination;
  switch (code) {
    case 0: return fmt::format("Network {} unreachable", host);
    case 1: return fmt::format("Host {} unreachable", host);
    case 2: return fmt::format("Protocol {} unreachable", quote.protocol);
    case 3: return port_unreachable(quote);
    case 4: return "Fragmentation required";
    case 5: return "Source route failed";
    case 6: return fmt::format("Destination network {} unknown", host);
    case 7: return fmt::format("Destination host {} unknown", host);
    case 8: return "Source host isolated";
    case 9: return fmt::format("Destination network {} administratively prohibited", host);
    case 10: return fmt::format("Destination host {} administratively prohibited", host);
    case 11: return fmt::format("Network {} unreachable for TOS", host);
    case 12: return fmt::format("Host {} unreachable for TOS", host);
    case 13: return "Communication administratively prohibited by filtering";
    case 14: return "Host precedence violation";
    case 15: return "Precedence cutoff in effect";
    default: return "Destination unreachable (unknown code)";
  }
}

IcmpText unreachable_text(std::span<const std::byte> message) {
  const std::uint8_t code = read8(message.data() + 1);
  if (message.size() < kHeader + kIpSize) {
    return {.name = "Destination unreachable", .details = {}, .is_whole = false};
  }
  IcmpText text{.name = unreachable(code, quote_of(message.subspan(kHeader))), .details = {}};
  if (code == 4) text.details = fmt::format("Next-Hop-MTU={}", read16(message.data() + 6));
  return text;
}

std::string parameter_problem(std::uint8_t code) {
  constexpr std::array<std::string_view, 3> kReasons{"pointer indicates error", "option missing",
                                                     "bad length"};
  return fmt::format("Parameter problem ({})",
                     code < kReasons.size() ? kReasons[code] : "unknown code");
}

std::string_view simple_name(std::uint8_t type, std::uint8_t code) noexcept {
  switch (type) {
    case 0: return "Echo reply";
    case 4: return "Source quench";
    case 5:
      if (code > 1) return "Redirect (unknown code)";
      return code == 0 ? "Network redirect" : "Host redirect";
    case 8: return "Echo request";
    case 9: return code == 16 ? "Router advertisement (Mobile Agent Only)" : "Router advertisement";
    case 10: return "Router solicitation";
    case 11:
      if (code > 1) return "TTL exceeded (unknown code)";
      return code == 0 ? "TTL=0 during transit" : "TTL=0 during reassembly";
    case 13: return "Timestamp request";
    case 14: return "Timestamp reply";
    case 15: return "Information request";
    case 16: return "Information reply";
    case 17: return "Address mask request";
    case 18: return "Address mask reply";
    case 30: return "Traceroute";
    case 37: return "Domain name request";
    case 38: return "Domain name reply";
    case 40: return "Security failures";
    default: return "Unknown type";
  }
}

// Four bytes of the message; 0 for what is not there.
std::uint32_t word_at(std::span<const std::byte> message, std::size_t at) noexcept {
  std::uint32_t word = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    word = word << 8U | (i < message.size() ? std::to_integer<std::uint32_t>(message[i]) : 0U);
  }
  return word;
}

std::string details_of(std::span<const std::byte> message) {
  const std::byte* const at = message.data();
  const std::string number = fmt::format("id={} seq={}", read16(at + 4), read16(at + 6));
  switch (read8(at)) {
    case 0:
    case 8:
    case 15:
    case 16: return number;
    case 5: return fmt::format("addr={}", Ipv4Address{read32(at + 4)}.to_string());
    case 9:
      return fmt::format("addrs={} addrlen={} lifetime={}", read8(at + 4), read8(at + 5),
                         read16(at + 6));
    case 12: return fmt::format("pointer={}", read8(at + 4));
    case 13:
    case 14:
      return fmt::format("{} orig={} recv={} trans={}", number, word_at(message, 8),
                         word_at(message, 12), word_at(message, 16));
    case 17:
    case 18: return fmt::format("{} mask={}", number, Ipv4Address{word_at(message, 8)}.to_string());
    default: return {};
  }
}

}  // namespace

IcmpText icmp_text(std::span<const std::byte> message) {
  const std::uint8_t type = read8(message.data());
  const std::uint8_t code = read8(message.data() + 1);
  if (type == 3) return unreachable_text(message);
  return {.name = type == 12 ? parameter_problem(code) : std::string{simple_name(type, code)},
          .details = details_of(message)};
}

}  // namespace trawl::control
