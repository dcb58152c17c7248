#include "dataplane/packet/packet_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "dataplane/wire.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23  // Linux 4.20; missing in older headers.
#endif

namespace trawl::dataplane {
namespace {

constexpr int kReceiveBuffer = 64 << 20;
constexpr int kSendBuffer = 4 << 20;
constexpr std::chrono::seconds kPatience{1};  // With a kernel that takes no packet.

void set_option(int fd, int level, int name, int value) noexcept {
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

// The privileged form reaches beyond the system's limit, the other one up to it.
void enlarge(int fd) noexcept {
  set_option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, kSendBuffer);
  set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSendBuffer);
}

Failure refused(const InterfaceFacts& interface, std::string_view what) {
  const int error = errno;
  std::string message =
      fmt::format("{} on {}: {}", what, interface.name, std::system_category().message(error));
  if (error == EPERM || error == EACCES) message += " (raw packets need root or CAP_NET_RAW)";
  return fail(ExitCode::Device, std::move(message));
}

bool is_worth_waiting(int error) noexcept {
  return error == EAGAIN || error == ENOBUFS || error == EINTR || error == ENOMEM;
}

}  // namespace

PacketSocket::PacketSocket(InterfaceFacts interface)
    : interface_{std::move(interface)},
      arena_(kBurst * kLongest),
      arrived_(kBurst * kLongest),
      send_vectors_(kBurst),
      receive_vectors_(kBurst),
      send_messages_(kBurst),
      receive_messages_(kBurst),
      addresses_(kBurst) {
  for (std::size_t i = 0; i < kBurst; ++i) {
    send_vectors_[i] = {arena_.data() + i * kLongest, 0};
    receive_vectors_[i] = {arrived_.data() + i * kLongest, kLongest};
    send_messages_[i].msg_hdr.msg_iov = &send_vectors_[i];
    send_messages_[i].msg_hdr.msg_iovlen = 1;
    receive_messages_[i].msg_hdr.msg_iov = &receive_vectors_[i];
    receive_messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

PacketSocket::~PacketSocket() {
  for (const int fd : {receive_fd_, raw4_fd_, raw6_fd_}) {
    if (fd >= 0) (void)::close(fd);
  }
}

Result<std::unique_ptr<PacketSocket>> PacketSocket::open(const InterfaceFacts& interface) {
  std::unique_ptr<PacketSocket> opened{new PacketSocket{interface}};
  if (auto done = opened->open_sockets(); !done) return Failure{done.error()};
  return opened;
}

Result<void> PacketSocket::open_sockets() {
  constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int kind = interface_.is_ethernet ? SOCK_RAW : SOCK_DGRAM;
  // Protocol 0 until it is bound: no packet of another interface gets in.
  receive_fd_ = ::socket(AF_PACKET, kind | kFlags, 0);
  if (receive_fd_ < 0) return refused(interface_, "no packet socket");
  set_option(receive_fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  enlarge(receive_fd_);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface_.index;
  if (::bind(receive_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return refused(interface_, "a packet socket cannot be bound");
  }
  if (interface_.is_ethernet) {
    set_option(receive_fd_, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    return {};
  }
  raw4_fd_ = ::socket(AF_INET, SOCK_RAW | kFlags, IPPROTO_RAW);
  if (raw4_fd_ < 0) return refused(interface_, "no raw socket");
  enlarge(raw4_fd_);
  raw6_fd_ = ::socket(AF_INET6, SOCK_RAW | kFlags, IPPROTO_RAW);  // There may be no IPv6.
  if (raw6_fd_ >= 0) enlarge(raw6_fd_);
  for (const int fd : {raw4_fd_, raw6_fd_}) {
    if (fd < 0 || interface_.is_loopback) continue;
    (void)::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface_.name.c_str(),
                       static_cast<socklen_t>(interface_.name.size() + 1));
  }
  return {};
}

std::size_t PacketSocket::header() const noexcept {
  return interface_.is_ethernet ? wire::kEthernetSize : 0;
}

void PacketSocket::queue(std::size_t size) noexcept {
  const std::size_t slot = (first_ + queued_) % kBurst;
  send_vectors_[slot].iov_len = size;
  if (!interface_.is_ethernet) address_packet(slot);
  ++queued_;
  ++queued_total_;
}

// Where the kernel shall route a packet to: where it says itself.
void PacketSocket::address_packet(std::size_t slot) noexcept {
  const std::byte* const packet = arena_.data() + slot * kLongest;
  msghdr& message = send_messages_[slot].msg_hdr;
  message.msg_name = &addresses_[slot];
  addresses_[slot] = {};
  if (wire::read8(packet) >> 4U == 4) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, packet + wire::kIpDestination, sizeof to.sin_addr);
    std::memcpy(&addresses_[slot], &to, sizeof to);
    message.msg_namelen = sizeof to;
  } else {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, packet + wire::kIpv6Destination, sizeof to.sin6_addr);
    std::memcpy(&addresses_[slot], &to, sizeof to);
    message.msg_namelen = sizeof to;
  }
}

int PacketSocket::send_fd(std::span<const std::byte> packet) const noexcept {
  if (interface_.is_ethernet) return receive_fd_;
  return wire::read8(packet.data()) >> 4U == 4 ? raw4_fd_ : raw6_fd_;
}

// Sends frames from the head of the ring that lie side by side and go through one socket; returns
// how many left the ring.
std::size_t PacketSocket::send_alike(std::size_t most) noexcept {
  const auto packet = [this](std::size_t slot) {
    return std::span<const std::byte>{arena_.data() + slot * kLongest, send_vectors_[slot].iov_len};
  };
  const int fd = send_fd(packet(first_));
  std::size_t count = 1;
  const std::size_t end = std::min(first_ + most, kBurst);
  while (first_ + count < end && send_fd(packet(first_ + count)) == fd) ++count;
  const int taken = ::sendmmsg(fd, &send_messages_[first_], static_cast<unsigned>(count), 0);
  if (taken < 0) {
    const int error = errno;
    const auto now = std::chrono::steady_clock::now();
    if (stuck_since_ == std::chrono::steady_clock::time_point{}) stuck_since_ = now;
    // An interface without a carrier takes nothing either, and may never again.
    if (is_worth_waiting(error) && now - stuck_since_ < kPatience) return 0;
    counters_.last_error = error;
    ++counters_.refused;
    return 1;
  }
  stuck_since_ = {};
  counters_.sent += static_cast<std::uint64_t>(taken);
  for (int i = 0; i < taken; ++i) {
    counters_.sent_bytes += send_vectors_[first_ + static_cast<std::size_t>(i)].iov_len - header();
  }
  return static_cast<std::size_t>(taken);
}

void PacketSocket::flush() noexcept {
  while (queued_ > 0) {
    const std::size_t gone = send_alike(queued_);
    if (gone == 0) return;
    first_ = (first_ + gone) % kBurst;
    queued_ -= gone;
  }
}

void PacketSocket::listen(bool on) noexcept {
  sock_filter nothing{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &nothing};
  // Where it fails, packets are read and thrown away.
  if (on) {
    const int unused = 0;
    (void)::setsockopt(receive_fd_, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
  } else {
    (void)::setsockopt(receive_fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  }
}

std::size_t PacketSocket::receive(const std::function<void(std::span<const std::byte>)>& take) {
  const int got = ::recvmmsg(receive_fd_, receive_messages_.data(), kBurst, MSG_DONTWAIT, nullptr);
  if (got < 0) {
    return 0;
  }
  const auto count = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = std::min<std::size_t>(receive_messages_[i].msg_len, kLongest);
    ++counters_.received;
    counters_.received_bytes += size - std::min(size, header());
    take({arrived_.data() + i * kLongest, size});
  }
  return count;
}

PacketCounters PacketSocket::counters() noexcept {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  // The kernel starts anew with each question.
  if (::getsockopt(receive_fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    counters_.missed += stats.tp_drops;
  }
  return counters_;
}

}  // namespace trawl::dataplane
