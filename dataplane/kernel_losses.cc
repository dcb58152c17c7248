#include "dataplane/internal/kernel_losses.h"

#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace trawl::dataplane::internal {
namespace {

// Every socket of address family `wanted` this process has open.
std::vector<int> find_sockets(int wanted) {
  std::vector<int> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd", ignored}) {
    const std::string name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    int domain = 0;
    socklen_t size = sizeof domain;
    const bool is_socket = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
    if (is_socket && domain == wanted) found.push_back(fd);
  }
  return found;
}

// What the driver leaves out of its own statistics: frames for which the receive ring was full.
// Those that found no buffer are in its count of missed frames.
std::uint64_t full_ring_drops(int fd) {
  xdp_statistics statistics{};
  socklen_t size = sizeof statistics;
  if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &size) != 0) return 0;
  return statistics.rx_ring_full;
}

// Frames that found the ring of a packet socket full since the last call: reading resets the count
// (packet(7), PACKET_STATISTICS).
std::uint64_t packet_socket_drops(int fd) {
  tpacket_stats statistics{};
  socklen_t size = sizeof statistics;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0) return 0;
  return statistics.tp_drops;
}

}  // namespace

KernelLosses parse_interface_drops(std::string_view text, std::string_view interface) {
  std::istringstream lines{std::string{text}};
  std::string line;
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(':');
    const std::size_t start = line.find_first_not_of(' ');
    if (colon == std::string::npos || line.substr(start, colon - start) != interface) continue;
    // Eight columns each way: bytes packets errs drop fifo frame compressed multicast.
    constexpr int kReceivedDrop = 3;
    constexpr int kSentDrop = 11;
    std::istringstream fields{line.substr(colon + 1)};
    KernelLosses losses;
    std::uint64_t value = 0;
    for (int column = 0; column <= kSentDrop && fields >> value; ++column) {
      if (column == kReceivedDrop) losses.received = value;
      if (column == kSentDrop) losses.sent = value;
    }
    return losses;
  }
  return {};
}

LossMeter::LossMeter(std::string interface)
    : interface_{std::move(interface)},
      xdp_sockets_{find_sockets(AF_XDP)},
      packet_sockets_{find_sockets(AF_PACKET)},
      before_{read()} {
  for (const int fd : packet_sockets_) (void)packet_socket_drops(fd);
}

KernelLosses LossMeter::read() const {
  const std::ifstream file{"/proc/thread-self/net/dev"};
  std::ostringstream text;
  text << file.rdbuf();
  KernelLosses losses = parse_interface_drops(text.str(), interface_);
  for (const int fd : xdp_sockets_) losses.received += full_ring_drops(fd);
  return losses;
}

KernelLosses LossMeter::losses() {
  if (interface_.empty()) return {};
  const KernelLosses now = read();
  for (const int fd : packet_sockets_) ring_drops_ += packet_socket_drops(fd);
  // An interface that is gone counts nothing any more.
  return {.received =
              ring_drops_ + (now.received > before_.received ? now.received - before_.received : 0),
          .sent = now.sent > before_.sent ? now.sent - before_.sent : 0};
}

}  // namespace trawl::dataplane::internal
