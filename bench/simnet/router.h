#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "base/mac.h"
#include "bench/simnet/counters.h"

namespace trawl::simnet {

enum class Route : std::uint8_t {
  Done,      // Used up: the frame was held, answered elsewhere or dropped with a counter.
  ToUplink,  // Send it to the uplink.
  ToScanner  // Send it to the scanner's side.
};

// The part of the simulated router that joins the scanner's side to real hosts on the uplink:
// forwards IPv4 both ways, resolves the hosts' MAC addresses by ARP and learns those of the
// scanner's side from what arrives. Bytes in, bytes out, no I/O.
//
// Meant for few hosts: fixed tables, and what was learned stays. A host that did not answer ARP is
// asked again only after a while; what comes for it meanwhile is dropped at once.
//
// Thread: one polling core.
class Router {
 public:
  // Hosts on one side; more addresses than this may not be forwarded to.
  static constexpr std::size_t kMostNeighbours = 256;

  struct Identity {
    MacAddress scanner_side;  // The router's MAC on the scanner's link.
    MacAddress uplink;        // And on the uplink.
    Ipv4Address uplink_address;
  };

  Router(const Identity& identity, Counters& counters) noexcept
      : identity_{identity}, counters_{&counters} {}

  // Asks for the MAC address of a host on the uplink before the first frame for it comes.
  void resolve(Ipv4Address host) noexcept;
  // A frame from the scanner's side that the responder said to forward, rewritten in place.
  [[nodiscard]] Route from_scanner(std::span<std::byte> frame,
                                   std::chrono::nanoseconds now) noexcept;
  // A frame from the uplink in the first `length` bytes of `buffer`. On any route but Done the
  // frame to send is in its place and `length` is its size.
  [[nodiscard]] Route from_uplink(std::span<std::byte> buffer, std::size_t& length) noexcept;
  // Writes the next frame that the router itself has for the uplink (an ARP request, or a frame
  // whose neighbour has answered); 0 when there is none. Ask until 0, often.
  [[nodiscard]] std::size_t next_output(std::span<std::byte> buffer,
                                        std::chrono::nanoseconds now) noexcept;

 private:
  static constexpr std::size_t kHeldFrames = 256;
  static constexpr std::ptrdiff_t kMostHeldEach = 64;
  static constexpr std::size_t kLargestFrame = 1518;
  static constexpr unsigned kMostRequests = 3;
  static constexpr std::chrono::nanoseconds kRequestInterval = std::chrono::seconds{1};
  static constexpr std::chrono::nanoseconds kAskAgainAfter = std::chrono::seconds{3};

  struct Neighbour {
    Ipv4Address address;
    std::uint64_t mac = 0;  // 0 while unknown.
    unsigned requests = 0;  // Sent since it was last asked for.
    std::chrono::nanoseconds next_request{0};
    std::chrono::nanoseconds ask_again{0};  // Not before, when it did not answer.
    bool is_wanted = false;
  };
  struct Table {
    std::array<Neighbour, kMostNeighbours> entries{};
    std::size_t used = 0;
    std::size_t oldest = 0;

    [[nodiscard]] Neighbour* find(Ipv4Address address) noexcept;
    // The entry of `address`, made if needed in place of the oldest.
    Neighbour& at(Ipv4Address address) noexcept;
  };
  struct Held {
    std::array<std::byte, kLargestFrame> bytes;
    std::size_t size = 0;  // 0: free.
    Ipv4Address to;
  };

  void want(Neighbour& host, std::chrono::nanoseconds now) noexcept;
  void unwant(Neighbour& host) noexcept;
  void hold(std::span<const std::byte> frame, Ipv4Address to) noexcept;
  void drop_held(Ipv4Address to) noexcept;
  [[nodiscard]] Route arp_from_uplink(std::span<std::byte> buffer, std::size_t& length) noexcept;
  [[nodiscard]] std::size_t next_request(std::span<std::byte> buffer,
                                         std::chrono::nanoseconds now) noexcept;
  [[nodiscard]] std::size_t next_held(std::span<std::byte> buffer) noexcept;

  Identity identity_;
  Counters* counters_;
  Table hosts_;     // On the uplink.
  Table scanners_;  // On the scanner's side.
  std::array<Held, kHeldFrames> held_{};
  std::size_t held_count_ = 0;
  std::size_t wanted_count_ = 0;  // Hosts being asked for.
};

}  // namespace trawl::simnet
