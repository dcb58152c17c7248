#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"
#include "dataplane/packet/dissect.h"
#include "dataplane/packet/packet_guard.h"
#include "dataplane/packet/packet_socket.h"
#include "dataplane/packet/packet_spec.h"
#include "dataplane/packet/route_table.h"

namespace trawl::dataplane {

struct RawNetworkOptions {
  std::string interface;                     // "" for whichever the kernel's routes name.
  std::optional<IpAddress> source;           // In place of the interface's own.
  std::optional<MacAddress> source_mac;      // Likewise.
  std::size_t fragment = 0;                  // Bytes of data in a fragment, 0 for whole packets.
  bool through_kernel = false;               // IP packets by the kernel's routes on Ethernets too.
  std::shared_ptr<const PacketGuard> guard;  // nullptr: everybody may be sent to.
};

// How to reach a host.
struct Way {
  PacketSocket* socket = nullptr;
  IpAddress source;
  std::optional<MacAddress> next_hop;  // Of an Ethernet; nullopt until it is known.
  bool asks_neighbour = false;         // The host is on an Ethernet link of ours.
  bool is_local = false;               // The host is this machine.
};

// Raw IP packets to hosts wherever the kernel's routes lead, through one PacketSocket an interface.
// Gateways' hardware addresses are found out when the first host behind them is looked up; those
// of hosts on a link are the caller's to ask for.
//
// Thread: one user.
class RawNetwork {
 public:
  struct Handler {
    std::function<void(const Dissection&, std::span<const std::byte> bytes)> packet;
    // Of an IPv6 neighbour `packet` is its advertisement, of an IPv4 one it is empty.
    std::function<void(const NeighbourAnswer&, std::span<const std::byte> packet)> neighbour;
  };
  using Trace =
      std::function<void(bool is_sent, std::span<const std::byte> frame, bool has_header)>;

  // Fails with Device: no permission for raw packets, no such interface.
  [[nodiscard]] static Result<std::unique_ptr<RawNetwork>> open(const RawNetworkOptions& options);

  // `zone`: the interface of a link-local host, 0 where the routes decide. Fails with Device when
  // there is no way: no route, interface down, gateway silent.
  [[nodiscard]] Result<Way> way_to(const IpAddress& host, unsigned zone = 0);

  // A way that another network found, through this one's own socket: of another thread. Nobody is
  // asked for anything. Fails with Device.
  [[nodiscard]] Result<Way> same_way(const Way& other);

  // False while that interface takes no more.
  [[nodiscard]] static bool has_room(const Way& way) noexcept;
  // Queues the packet; with fragments, all of them. Needs has_room(), and the next hop's address on
  // an Ethernet. False when it is too long for one frame, or the guard holds it back.
  bool send(const Way& way, const PacketSpec& spec);
  // The same with an IPv4 or IPv6 packet that is written already; it is never cut into fragments.
  bool send_packet(const Way& way, std::span<const std::byte> packet);
  // Asks for the hardware address of a host on the link, if the guard lets it.
  void ask_neighbour(const Way& way, const IpAddress& host);
  void flush() noexcept;

  // Hands on what has arrived, a burst of each interface at most. Returns how many frames.
  std::size_t receive(const Handler& handler);
  // Waits until something arrives, one of `others` can be read, or the time is over.
  void wait(std::chrono::microseconds most, std::span<const int> others);

  // Whether what arrives is taken (PacketSocket::listen). Not while nobody waits for an answer.
  void listen(bool on) noexcept;

  void trace(Trace trace) { trace_ = std::move(trace); }
  [[nodiscard]] PacketCounters counters() noexcept;

 private:
  struct Gateway {
    std::optional<MacAddress> mac;                // nullopt when it was silent...
    std::chrono::steady_clock::time_point asked;  // ...then.
  };

  // A frame that arrived while a gateway was asked.
  struct Held {
    const PacketSocket* socket = nullptr;
    std::vector<std::byte> frame;
  };

  explicit RawNetwork(RawNetworkOptions options, RouteTable routes)
      : options_{std::move(options)}, routes_{std::move(routes)} {}
  [[nodiscard]] Result<PacketSocket*> socket_of(int interface);
  [[nodiscard]] Result<MacAddress> gateway_mac(PacketSocket& socket, const IpAddress& source,
                                               const IpAddress& gateway);
  void take(std::span<const std::byte> frame, const PacketSocket& socket, const Handler& handler);
  void ask(const Way& way, const IpAddress& host);
  [[nodiscard]] bool is_held_back(const IpAddress& host,
                                  std::span<const std::byte> options = {}) noexcept;
  void queue_frame(PacketSocket& socket, const Way& way, std::size_t packet_size, bool v4);
  [[nodiscard]] MacAddress mac_of(const PacketSocket& socket) const noexcept {
    return options_.source_mac.value_or(socket.interface().mac);
  }

  RawNetworkOptions options_;
  RouteTable routes_;
  int only_interface_ = 0;
  std::uint64_t blocked_ = 0;
  std::uint64_t missed_ = 0;  // While a gateway was asked.
  std::vector<Held> held_;
  std::map<int, std::unique_ptr<PacketSocket>> sockets_;
  std::map<std::pair<int, IpAddress>, Gateway> gateways_;  // By interface and address.
  Trace trace_;
  // Digests of packets on their way over loopback, which brings back what is sent.
  std::unordered_multiset<std::uint64_t> own_, older_own_;
  std::vector<std::byte> whole_ = std::vector<std::byte>(65536);  // A packet before it is cut.
};

// Waits until one of `descriptors` can be read, or the time is over.
void wait_for(std::span<const int> descriptors, std::chrono::microseconds most);

}  // namespace trawl::dataplane
