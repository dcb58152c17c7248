#include "osfp/active6/fingerprint6.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::size_t kAddresses = 32;  // Source and destination.
constexpr std::size_t kLeastRun = 3;
constexpr double kLongest = 1e9;  // Seconds; no number that is none is less.
constexpr std::uint8_t kFirstInformation = 128;
constexpr std::string_view kMasked = "XX";

// Which bytes are addresses: of the packet, of what an error quotes, and a neighbour's.
std::vector<bool> addresses_in(std::span<const std::byte> packet) {
  std::vector<bool> is_address(packet.size());
  const auto mark = [&](std::size_t from, std::size_t count) {
    const std::size_t end = std::min(from + count, packet.size());
    for (std::size_t i = from; i < end; ++i) is_address[i] = true;
  };
  mark(wire::kIpv6Source, kAddresses);
  const auto upper = upper_layer_of(packet);
  if (!upper || upper->protocol != wire::kProtocolIcmpv6 || upper->offset >= packet.size()) {
    return is_address;
  }
  const std::uint8_t type = wire::read8(packet.data() + upper->offset);
  if (type < kFirstInformation) {
    mark(upper->offset + wire::kIcmpSize + wire::kIpv6Source, kAddresses);
  } else if (type == wire::kNeighbourAdvertisement) {
    mark(upper->offset + wire::kNeighbourTarget, kAddresses / 2);
  }
  return is_address;
}

std::string print_packet(std::span<const std::byte> packet) {
  const std::vector<bool> is_address = addresses_in(packet);
  std::string text;
  for (std::size_t i = 0; i < packet.size();) {
    std::size_t end = i + 1;
    while (end < packet.size() && is_address[end] == is_address[i] &&
           (is_address[i] || packet[end] == packet[i])) {
      ++end;
    }
    const std::string unit = is_address[i]
                                 ? std::string{kMasked}
                                 : fmt::format("{:02x}", std::to_integer<unsigned>(packet[i]));
    const std::size_t run = end - i;
    text += unit;
    if (run >= kLeastRun) {
      text += fmt::format("{{{}}}", run);
      i = end;
    } else {
      ++i;
    }
  }
  return text;
}

std::optional<unsigned> digit(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

template <typename Number>
std::optional<Number> number(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::byte> unit_of(std::string_view text) noexcept {
  if (text == kMasked) return std::byte{0};
  const auto high = digit(text[0]);
  const auto low = digit(text[1]);
  if (!high || !low) return std::nullopt;
  return static_cast<std::byte>(*high << 4U | *low);
}

std::optional<std::vector<std::byte>> parse_packet(std::string_view text) {
  std::vector<std::byte> packet;
  while (!text.empty()) {
    if (text.size() < 2) return std::nullopt;
    const auto unit = unit_of(text.substr(0, 2));
    if (!unit) return std::nullopt;
    text.remove_prefix(2);
    std::size_t count = 1;
    if (text.starts_with('{')) {
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos) return std::nullopt;
      const auto run = number<std::size_t>(text.substr(1, end - 1));
      if (!run || *run == 0 || *run > Fingerprint6::kMostPacket) return std::nullopt;
      count = *run;
      text.remove_prefix(end + 1);
    }
    if (packet.size() + count > Fingerprint6::kMostPacket) return std::nullopt;
    packet.insert(packet.end(), count, *unit);
  }
  return packet;
}

std::optional<Fingerprint6::Line> parse_line(std::string_view text) {
  const std::size_t sent = text.find("%ST=");
  if (!text.starts_with("P=") || sent == std::string_view::npos) return std::nullopt;
  const std::size_t received = text.find("%RT=", sent);
  if (received == std::string_view::npos) return std::nullopt;
  auto packet = parse_packet(text.substr(2, sent - 2));
  const auto from = number<double>(text.substr(sent + 4, received - sent - 4));
  const auto to = number<double>(text.substr(received + 4));
  const auto is_time = [](std::optional<double> seconds) {
    return seconds && std::abs(*seconds) < kLongest;
  };
  if (!packet || !is_time(from) || !is_time(to)) return std::nullopt;
  return Fingerprint6::Line{.packet = std::move(*packet), .sent = *from, .received = *to};
}

// Without line ends, and what "OS:" lines begin with.
std::string joined(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("OS:")) line.remove_prefix(3);
    plain += line;
  }
  return plain;
}

}  // namespace

Fingerprint6 Fingerprint6::of(const Round6& round) {
  Fingerprint6 fingerprint;
  std::optional<Moment> start;
  for (const Exchange6& exchange : round.exchanges) {
    if (exchange.was_sent && (!start || exchange.sent_at < *start)) start = exchange.sent_at;
  }
  const auto seconds = [&](Moment at) {
    return std::chrono::duration<double>(at - *start).count();
  };
  for (std::size_t i = 0; i < kProbes6; ++i) {
    const Exchange6& exchange = round.exchanges[i];
    if (!exchange.was_sent || !exchange.response) continue;
    fingerprint.lines[i] = {.packet = exchange.response->packet,
                            .sent = seconds(exchange.sent_at),
                            .received = seconds(exchange.response->at)};
  }
  return fingerprint;
}

std::string Fingerprint6::print() const {
  std::string text;
  for (std::size_t i = 0; i < kProbes6; ++i) {
    if (!lines[i]) continue;
    text += fmt::format("{}(P={}%ST={:g}%RT={:g})\n", to_string(probe6_at(i)),
                        print_packet(lines[i]->packet), lines[i]->sent, lines[i]->received);
  }
  return text + fmt::format("EXTRA(FL={:05X})\n", kFlowLabel6);
}

std::optional<Fingerprint6> Fingerprint6::parse(std::string_view text) {
  const std::string plain = joined(text);
  Fingerprint6 fingerprint;
  std::string_view rest = plain;
  while (!rest.empty()) {
    const std::size_t open = rest.find('(');
    const std::size_t close = rest.find(')', std::min(open, rest.size()));
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view name = rest.substr(0, open);
    const std::string_view body = rest.substr(open + 1, close - open - 1);
    rest.remove_prefix(close + 1);
    if (name == "SCAN" || name == "EXTRA") continue;
    std::size_t i = 0;
    while (i < kProbes6 && name != to_string(probe6_at(i))) ++i;
    if (i == kProbes6 || fingerprint.lines[i]) return std::nullopt;
    auto line = parse_line(body);
    if (!line) return std::nullopt;
    fingerprint.lines[i] = std::move(*line);
  }
  return fingerprint;
}

}  // namespace trawl::osfp
