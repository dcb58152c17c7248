#include "bench/simnet/router.h"

#include <algorithm>
#include <cstring>

#include "bench/simnet/arp.h"
#include "bench/simnet/frame.h"

namespace trawl::simnet {
namespace {

void address_frame(std::byte* frame, std::uint64_t to, std::uint64_t from) noexcept {
  wire::write_mac(frame, to);
  wire::write_mac(frame + 6, from);
}

}  // namespace

Router::Neighbour* Router::Table::find(Ipv4Address address) noexcept {
  const auto end = entries.begin() + static_cast<std::ptrdiff_t>(used);
  const auto found = std::find_if(entries.begin(), end, [&](const Neighbour& neighbour) {
    return neighbour.address == address;
  });
  return found == end ? nullptr : &*found;
}

Router::Neighbour& Router::Table::at(Ipv4Address address) noexcept {
  if (Neighbour* const found = find(address); found != nullptr) return *found;
  std::size_t place = used;
  if (used < kMostNeighbours) {
    ++used;
  } else {
    place = oldest;
    oldest = (oldest + 1) % kMostNeighbours;
  }
  entries[place] = Neighbour{.address = address};
  return entries[place];
}

Route Router::from_scanner(std::span<std::byte> frame, std::chrono::nanoseconds now) noexcept {
  Ipv4Frame packet;
  if (parse_ipv4(frame, packet) != FrameError::None || frame.size() > kLargestFrame) {
    counters_->add(Counter::UplinkIgnored);
    return Route::Done;
  }
  scanners_.at(packet.from).mac = packet.eth_from;
  if (!decrement_ttl(frame)) {
    counters_->add(Counter::UplinkTtlExpired);
    return Route::Done;
  }
  Neighbour& host = hosts_.at(packet.to);
  if (host.mac != 0) {
    address_frame(frame.data(), host.mac, identity_.uplink.to_integer());
    return Route::ToUplink;
  }
  if (!host.is_wanted && now < host.ask_again) {
    counters_->add(Counter::UplinkUnresolved);
    return Route::Done;
  }
  want(host, now);
  hold(frame, packet.to);
  return Route::Done;
}

void Router::resolve(Ipv4Address host) noexcept { want(hosts_.at(host), {}); }

void Router::want(Neighbour& host, std::chrono::nanoseconds now) noexcept {
  if (host.is_wanted) return;
  host.is_wanted = true;
  host.requests = 0;
  host.next_request = now;
  ++wanted_count_;
}

void Router::unwant(Neighbour& host) noexcept {
  if (host.is_wanted) --wanted_count_;
  host.is_wanted = false;
}

void Router::hold(std::span<const std::byte> frame, Ipv4Address to) noexcept {
  const auto same = std::count_if(held_.begin(), held_.end(), [&](const Held& held) {
    return held.size != 0 && held.to == to;
  });
  const auto place =
      std::find_if(held_.begin(), held_.end(), [](const Held& held) { return held.size == 0; });
  if (place == held_.end() || same >= kMostHeldEach) {
    counters_->add(Counter::UplinkHeldOverflow);
    return;
  }
  std::memcpy(place->bytes.data(), frame.data(), frame.size());
  place->size = frame.size();
  place->to = to;
  ++held_count_;
}

void Router::drop_held(Ipv4Address to) noexcept {
  for (Held& held : held_) {
    if (held.size == 0 || held.to != to) continue;
    held.size = 0;
    --held_count_;
    counters_->add(Counter::UplinkUnresolved);
  }
}

Route Router::from_uplink(std::span<std::byte> buffer, std::size_t& length) noexcept {
  counters_->add(Counter::UplinkReceived);
  const auto frame = buffer.first(length);
  if (frame.size() >= wire::kEthernetSize && wire::read16(frame.data() + 12) == wire::kTypeArp) {
    return arp_from_uplink(buffer, length);
  }
  Ipv4Frame packet;
  if (frame.size() < wire::kEthernetSize || wire::read16(frame.data() + 12) != wire::kTypeIpv4 ||
      parse_ipv4(frame, packet) != FrameError::None ||
      packet.eth_to != identity_.uplink.to_integer() || packet.to == identity_.uplink_address) {
    counters_->add(Counter::UplinkIgnored);
    return Route::Done;
  }
  const Neighbour* const scanner = scanners_.find(packet.to);
  if (scanner == nullptr) {
    counters_->add(Counter::UplinkNoNeighbour);
    return Route::Done;
  }
  if (!decrement_ttl(frame)) {
    counters_->add(Counter::UplinkTtlExpired);
    return Route::Done;
  }
  address_frame(frame.data(), scanner->mac, identity_.scanner_side.to_integer());
  return Route::ToScanner;
}

Route Router::arp_from_uplink(std::span<std::byte> buffer, std::size_t& length) noexcept {
  constexpr std::uint16_t kRequest = 1;
  const auto arp = parse_arp(buffer.first(length));
  if (!arp || arp->target != identity_.uplink_address) {
    counters_->add(Counter::UplinkIgnored);
    return Route::Done;
  }
  // Only hosts that ask us, or that we asked, get a place in the table.
  if (Neighbour* const known = hosts_.find(arp->sender); known != nullptr) {
    known->mac = arp->sender_mac;
    unwant(*known);
  } else if (arp->operation == kRequest && arp->sender.value() != 0) {
    hosts_.at(arp->sender).mac = arp->sender_mac;
  }
  counters_->add(Counter::UplinkArp);
  if (arp->operation != kRequest) return Route::Done;
  length = write_arp_reply(buffer, *arp, identity_.uplink.to_integer());
  return length == 0 ? Route::Done : Route::ToUplink;
}

std::size_t Router::next_output(std::span<std::byte> buffer,
                                std::chrono::nanoseconds now) noexcept {
  if (held_count_ == 0 && wanted_count_ == 0) return 0;
  const std::size_t request = next_request(buffer, now);
  return request != 0 ? request : next_held(buffer);
}

std::size_t Router::next_request(std::span<std::byte> buffer,
                                 std::chrono::nanoseconds now) noexcept {
  for (std::size_t i = 0; i < hosts_.used; ++i) {
    Neighbour& host = hosts_.entries[i];
    if (!host.is_wanted || host.next_request > now) continue;
    if (host.requests == kMostRequests) {
      unwant(host);
      host.ask_again = now + kAskAgainAfter;
      drop_held(host.address);
      continue;
    }
    ++host.requests;
    host.next_request = now + kRequestInterval;
    return write_arp_request(buffer, identity_.uplink.to_integer(), identity_.uplink_address,
                             host.address);
  }
  return 0;
}

std::size_t Router::next_held(std::span<std::byte> buffer) noexcept {
  for (Held& held : held_) {
    if (held.size == 0 || held.size > buffer.size()) continue;
    Neighbour& host = hosts_.at(held.to);
    if (host.mac == 0) continue;
    const std::size_t size = held.size;
    std::memcpy(buffer.data(), held.bytes.data(), size);
    address_frame(buffer.data(), host.mac, identity_.uplink.to_integer());
    held.size = 0;
    --held_count_;
    return size;
  }
  return 0;
}

}  // namespace trawl::simnet
