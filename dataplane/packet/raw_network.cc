#include "dataplane/packet/raw_network.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "dataplane/packet/craft.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kGatewayQuestions = 5;
constexpr std::size_t kMostHeld = 16'384;      // Frames, while a gateway is asked.
constexpr std::chrono::seconds kAskAgain{30};  // Whoever was silent.
constexpr milliseconds kGatewayPatience{300};

void write_ethernet(std::byte* frame, MacAddress to, MacAddress from, bool v4) noexcept {
  wire::write_mac(frame, to.to_integer());
  wire::write_mac(frame + wire::kEthernetSource, from.to_integer());
  wire::write16(frame + wire::kEthernetType, v4 ? wire::kTypeIpv4 : wire::kTypeIpv6);
}

// Of a packet but for its header's checksum, which the kernel writes anew: FNV-1a by words.
std::uint64_t digest(std::span<const std::byte> packet) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (std::size_t i = 0; i < packet.size(); ++i) {
    if (i == wire::kIpChecksum || i == wire::kIpChecksum + 1) continue;
    hash = (hash ^ static_cast<std::uint64_t>(packet[i])) * 0x100000001b3U;
  }
  return hash;
}

// nullopt for what is no whole header.
std::optional<IpAddress> destination_of(std::span<const std::byte> packet) noexcept {
  const unsigned version = packet.empty() ? 0 : static_cast<unsigned>(packet.front()) >> 4U;
  if (version == 4 && packet.size() >= wire::kIpSize) {
    return Ipv4Address{wire::read32(packet.data() + wire::kIpDestination)};
  }
  if (version == 6 && packet.size() >= wire::kIpv6Size) {
    return wire::read_ipv6(packet.data() + wire::kIpv6Destination);
  }
  return std::nullopt;
}

void poll_for(std::vector<pollfd>& waits, std::chrono::microseconds most) {
  const auto nanoseconds = std::chrono::nanoseconds{most}.count();
  const timespec time{static_cast<time_t>(nanoseconds / 1'000'000'000),
                      static_cast<long>(nanoseconds % 1'000'000'000)};
  (void)::ppoll(waits.data(), waits.size(), &time, nullptr);
}

}  // namespace

void wait_for(std::span<const int> descriptors, std::chrono::microseconds most) {
  std::vector<pollfd> waits;
  for (const int fd : descriptors) waits.push_back({fd, POLLIN, 0});
  poll_for(waits, most);
}

Result<std::unique_ptr<RawNetwork>> RawNetwork::open(const RawNetworkOptions& options) {
  auto routes = RouteTable::open();
  if (!routes) return Failure{routes.error()};
  std::unique_ptr<RawNetwork> network{new RawNetwork{options, std::move(*routes)}};
  if (!options.interface.empty()) {
    auto interface = look_up_interface(options.interface);
    if (!interface) return Failure{interface.error()};
    network->only_interface_ = interface->index;
  }
  // Whether this process may do it at all is told before anything else is done.
  const auto loopback = look_up_interface("lo");
  if (loopback && loopback->is_up) {
    if (auto socket = network->socket_of(loopback->index); !socket) return Failure{socket.error()};
  }
  return network;
}

Result<PacketSocket*> RawNetwork::socket_of(int index) {
  if (const auto found = sockets_.find(index); found != sockets_.end()) return found->second.get();
  auto interface = look_up_interface(index);
  if (!interface) return Failure{interface.error()};
  if (!interface->is_up) {
    return fail(ExitCode::Device,
                fmt::format("interface {0} is down; ip link set {0} up", interface->name));
  }
  if (options_.through_kernel) interface->is_ethernet = false;
  auto socket = PacketSocket::open(*interface);
  if (!socket) return Failure{socket.error()};
  return sockets_.emplace(index, std::move(*socket)).first->second.get();
}

Result<Way> RawNetwork::way_to(const IpAddress& host, unsigned zone) {
  auto route = routes_.find(host, static_cast<int>(zone));
  if (zone == 0 && only_interface_ != 0 && route && !route->is_local) {
    route = routes_.find(host, only_interface_);
  }
  if (!route) return fail(ExitCode::Device, fmt::format("no route to {}", host.to_string()));
  auto socket = socket_of(route->interface);
  if (!socket) return Failure{socket.error()};
  Way way{.socket = *socket,
          .source = route->source,
          .next_hop = {},
          .asks_neighbour = false,
          .is_local = route->is_local};
  if (way.is_local) {
    // The kernel answers itself over loopback, whatever interface has the address.
    auto loopback = look_up_interface("lo");
    if (!loopback) return Failure{loopback.error()};
    auto local = socket_of(loopback->index);
    if (!local) return Failure{local.error()};
    way.socket = *local;
  }
  if (options_.source) way.source = *options_.source;
  if (!way.socket->interface().is_ethernet) return way;
  if (!route->gateway) {
    way.asks_neighbour = true;
    return way;
  }
  auto mac = gateway_mac(**socket, way.source, *route->gateway);
  if (!mac) return Failure{mac.error()};
  way.next_hop = *mac;
  return way;
}

Result<Way> RawNetwork::same_way(const Way& other) {
  auto socket = socket_of(other.socket->interface().index);
  if (!socket) return Failure{socket.error()};
  Way way = other;
  way.socket = *socket;
  return way;
}

Result<MacAddress> RawNetwork::gateway_mac(PacketSocket& socket, const IpAddress& source,
                                           const IpAddress& gateway) {
  const auto silent = [&] {
    return fail(ExitCode::Device, fmt::format("the gateway {} on {} does not answer",
                                              gateway.to_string(), socket.interface().name));
  };
  const auto now = steady_clock::now();
  Gateway& known = gateways_[{socket.interface().index, gateway}];
  if (known.mac) return *known.mac;
  if (known.asked != steady_clock::time_point{} && now - known.asked < kAskAgain) return silent();
  std::optional<MacAddress> found;
  // What else arrives meanwhile is handed on by the next receive().
  const auto take_frame = [&](std::span<const std::byte> frame) {
    const auto answer = socket.header() != 0 ? dissect_neighbour_answer(frame) : std::nullopt;
    if (answer && answer->ip == gateway) {
      if (trace_) trace_(false, frame, true);
      found = answer->mac;
    } else if (held_.size() < kMostHeld) {
      held_.push_back({&socket, {frame.begin(), frame.end()}});
    } else {
      ++missed_;
    }
  };
  Way way;
  way.socket = &socket;
  way.source = source;
  for (int i = 0; i < kGatewayQuestions && !found; ++i) {
    if (socket.has_room()) ask(way, gateway);
    flush();
    const auto end = steady_clock::now() + kGatewayPatience;
    while (!found && steady_clock::now() < end) {
      wait(milliseconds{5}, {});
      (void)socket.receive(take_frame);
    }
  }
  known = {found, steady_clock::now()};
  if (!found) return silent();
  return *found;
}

bool RawNetwork::has_room(const Way& way) noexcept { return way.socket->has_room(); }

void RawNetwork::queue_frame(PacketSocket& socket, const Way& way, std::size_t packet_size,
                             bool v4) {
  const std::size_t header = socket.header();
  std::byte* const frame = socket.next_frame().data();
  if (header != 0) {
    write_ethernet(frame, way.next_hop.value_or(MacAddress::broadcast()), mac_of(socket), v4);
  }
  const bool is_fragment = v4 && options_.fragment != 0;
  if (trace_ && !is_fragment) trace_(true, {frame, header + packet_size}, header != 0);
  // Those that a firewall swallowed never come back.
  constexpr std::size_t kMostOwn = 1U << 16U;
  if (own_.size() >= kMostOwn) older_own_ = std::exchange(own_, {});
  if (socket.interface().is_loopback) own_.insert(digest({frame, packet_size}));
  socket.queue(header + packet_size);
}

bool RawNetwork::is_held_back(const IpAddress& host, std::span<const std::byte> options) noexcept {
  if (!options_.guard) return false;
  if (options_.guard->allows(host) && options_.guard->allows_options(options)) return false;
  ++blocked_;
  return true;
}

bool RawNetwork::send(const Way& way, const PacketSpec& spec) {
  if (is_held_back(spec.destination, spec.options)) return false;
  PacketSocket& socket = *way.socket;
  const std::size_t header = socket.header();
  const bool v4 = spec.destination.is_v4();
  if (options_.fragment == 0 || !v4) {
    const std::size_t size = craft_packet(spec, socket.next_frame().subspan(header));
    if (size == 0) return false;
    queue_frame(socket, way, size, v4);
    return true;
  }
  const std::size_t size = craft_packet(spec, whole_);
  const std::span<const std::byte> packet{whole_.data(), size};
  const std::size_t count = size == 0 ? 0 : fragments_of(packet, options_.fragment);
  // A trace tells of the packet, not of its pieces.
  if (trace_ && count > 0) trace_(true, packet, false);
  for (std::size_t i = 0; i < count; ++i) {
    if (!socket.has_room()) socket.flush();
    if (!socket.has_room()) return false;
    const std::size_t part =
        write_fragment(packet, options_.fragment, i, socket.next_frame().subspan(header));
    if (part == 0) return false;
    queue_frame(socket, way, part, v4);
  }
  return count > 0;
}

bool RawNetwork::send_packet(const Way& way, std::span<const std::byte> packet) {
  const auto to = destination_of(packet);
  PacketSocket& socket = *way.socket;
  const std::span<std::byte> room = socket.next_frame().subspan(socket.header());
  if (!to || packet.size() > room.size() || is_held_back(*to)) return false;
  std::ranges::copy(packet, room.begin());
  queue_frame(socket, way, packet.size(), to->is_v4());
  return true;
}

void RawNetwork::ask_neighbour(const Way& way, const IpAddress& host) {
  if (!is_held_back(host)) ask(way, host);
}

void RawNetwork::ask(const Way& way, const IpAddress& host) {
  const NeighbourQuestion question{mac_of(*way.socket), way.source, host};
  const std::span<std::byte> frame = way.socket->next_frame();
  const std::size_t size = write_neighbour_question(question, frame);
  if (trace_) trace_(true, frame.first(size), true);
  way.socket->queue(size);
}

void RawNetwork::flush() noexcept {
  for (auto& [index, socket] : sockets_) socket->flush();
}

void RawNetwork::take(std::span<const std::byte> frame, const PacketSocket& socket,
                      const Handler& handler) {
  const bool ethernet = socket.header() != 0;
  if (ethernet) {
    if (const auto answer = dissect_neighbour_answer(frame)) {
      if (trace_) trace_(false, frame, true);
      const auto packet = frame.subspan(socket.header());
      handler.neighbour(*answer, answer->ip.is_v4() ? packet.first(0) : packet);
      return;
    }
    if (frame.size() <= wire::kEthernetSize) return;
    const std::uint16_t type = wire::read16(frame.data() + wire::kEthernetType);
    if (type != wire::kTypeIpv4 && type != wire::kTypeIpv6) return;
  }
  const auto packet = frame.subspan(socket.header());
  if (socket.interface().is_loopback) {
    for (auto* const sent : {&own_, &older_own_}) {
      const auto found = sent->find(digest(packet));
      if (found == sent->end()) continue;
      sent->erase(found);
      return;
    }
  }
  if (const auto reply = dissect_packet(packet)) handler.packet(*reply, packet);
}

std::size_t RawNetwork::receive(const Handler& handler) {
  const auto held = std::exchange(held_, {});
  for (const Held& one : held) take(one.frame, *one.socket, handler);
  std::size_t count = held.size();
  for (auto& [index, socket] : sockets_) {
    count += socket->receive(
        [&, &from = *socket](std::span<const std::byte> frame) { take(frame, from, handler); });
  }
  return count;
}

void RawNetwork::listen(bool on) noexcept {
  for (const auto& [index, socket] : sockets_) socket->listen(on);
}

void RawNetwork::wait(std::chrono::microseconds most, std::span<const int> others) {
  std::vector<pollfd> waits;
  for (const auto& [index, socket] : sockets_) {
    waits.push_back({socket->fd(), POLLIN, 0});
    // Nothing tells when a packet socket takes frames again.
    if (!socket->is_idle()) most = std::min(most, std::chrono::microseconds{1000});
  }
  for (const int fd : others) waits.push_back({fd, POLLIN, 0});
  poll_for(waits, most);
}

PacketCounters RawNetwork::counters() noexcept {
  PacketCounters total;
  total.blocked = blocked_;
  total.missed = missed_;
  for (auto& [index, socket] : sockets_) {
    total += socket->counters();
  }
  return total;
}

}  // namespace trawl::dataplane
