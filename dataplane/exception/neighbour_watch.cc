#include "dataplane/exception/neighbour_watch.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <vector>

#include "dataplane/exception/port_users.h"
#include "dataplane/internal/arp_frame.h"
#include "dataplane/internal/neighbour_frame.h"
#include "dataplane/kernel_interface.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

template <typename Address>
constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;

// Room for the replies of half a second at 100,000 a second, as the kernel counts their memory.
constexpr int kBufferBytes = 256 << 20;
constexpr std::size_t kFrames = 64;
// Neighbour discovery and its options, behind a tag.
constexpr std::size_t kFrameBytes = 256;

// Neighbour solicitations and advertisements without extension headers (RFC 4861 section 4).
constexpr sock_filter kDiscovery[] = {
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, wire::kEthernetSize + wire::kIpv6NextHeader},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 4, wire::kProtocolIcmpv6},
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, wire::kEthernetSize + wire::kIpv6Size},
    {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, wire::kNeighbourSolicitation},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, wire::kNeighbourAdvertisement},
    {BPF_RET | BPF_K, 0, 0, 0xffff},
    {BPF_RET | BPF_K, 0, 0, 0}};

// Which frames the socket is given: those of one protocol that came in with the tag of one VLAN, or
// without any. A socket of that protocol alone would not do: the kernel shows the tag only to
// sockets of all protocols, and gives the others the frames of every VLAN as if they had none.
template <typename Address>
std::vector<sock_filter> filter_of(VlanId vlan) {
  constexpr std::uint32_t kType = SKF_AD_OFF + SKF_AD_PKTTYPE;
  constexpr std::uint32_t kHasTag = SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT;
  constexpr std::uint32_t kTag = SKF_AD_OFF + SKF_AD_VLAN_TAG;
  constexpr std::uint32_t kProtocol = SKF_AD_OFF + SKF_AD_PROTOCOL;
  std::vector<sock_filter> filter{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kType},
      {BPF_JMP | BPF_JEQ | BPF_K, 7, 0, PACKET_OUTGOING},
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kHasTag},
      {BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 0},
      {BPF_LD | BPF_H | BPF_ABS, 0, 0, kTag},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xfff},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, vlan.id()},
      {BPF_LD | BPF_H | BPF_ABS, 0, 0, kProtocol},
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kIsV4<Address> ? ETH_P_ARP : ETH_P_IPV6},
      {BPF_RET | BPF_K, 0, 0, 0}};
  if constexpr (kIsV4<Address>) {
    filter.push_back({BPF_RET | BPF_K, 0, 0, 0xffff});
  } else {
    filter.insert(filter.end(), std::begin(kDiscovery), std::end(kDiscovery));
  }
  return filter;
}

bool set(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  return setsockopt(fd, level, option, value, size) == 0;
}

// The tag that the kernel took out of a frame, 0 when it had none or one of priority alone.
std::uint16_t tag_of(const msghdr& message) noexcept {
  for (const cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr;
       at = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(at))) {
    if (at->cmsg_level != SOL_PACKET || at->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata data{};
    std::memcpy(&data, CMSG_DATA(at), sizeof data);
    if ((data.tp_status & TP_STATUS_VLAN_VALID) != 0) return data.tp_vlan_tci & 0xfffU;
  }
  return 0;
}

// For which addresses the kernel answers by itself: for any of its own by ARP, for those of the
// interface by neighbour discovery, once they are known to be nobody else's.
template <typename Address>
std::vector<Address> answered_by_kernel(const std::string& interface) {
  std::vector<Address> found;
  if constexpr (kIsV4<Address>) {
    for (const IpAddress& address : kernel_addresses()) {
      if (address.is_v4()) found.push_back(address.v4());
    }
  } else {
    for (const auto& own : KernelInterface::look_up(interface).addresses6) {
      if (own.standing != KernelInterface::Standing::Tentative) found.push_back(own.address);
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

template <typename Address>
struct BasicNeighbourWatch<Address>::Burst {
  struct Slot {
    std::array<std::byte, kFrameBytes> bytes;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control;
    iovec part;
  };
  std::array<Slot, kFrames> slots{};
  std::array<mmsghdr, kFrames> messages{};
};

template <typename Address>
Result<std::unique_ptr<BasicNeighbourWatch<Address>>> BasicNeighbourWatch<Address>::start(
    const std::string& interface, BasicScanPlan<Address>& plan, CoreCounters& counters) {
  std::unique_ptr<BasicNeighbourWatch> watch{new BasicNeighbourWatch{plan, counters}};
  watch->burst_ = std::make_unique<Burst>();
  watch->stop_ = eventfd(0, EFD_CLOEXEC);
  // On untagged interfaces; a VLAN may have none, and two answers say the same.
  if (!plan.vlan.tagged()) watch->kernels_ = answered_by_kernel<Address>(interface);
  if (auto opened = watch->open_socket(interface); !opened) return Failure{opened.error()};
  watch->thread_ = std::thread{[self = watch.get()] { self->run(); }};
  return watch;
}

template <typename Address>
Result<void> BasicNeighbourWatch<Address>::open_socket(const std::string& interface) {
  // Of no protocol at first: nothing may come before the filter is there.
  socket_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  std::vector<sock_filter> program = filter_of<Address>(plan_.vlan);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  packet_mreq groups{};
  groups.mr_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  groups.mr_type = PACKET_MR_ALLMULTI;
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_ALL);
  name.sll_ifindex = groups.mr_ifindex;
  bool ready = socket_ >= 0 && stop_ >= 0 &&
               set(socket_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) &&
               set(socket_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
  // Spares the kernel a copy of each; the filter does not need it.
  if (ready) (void)set(socket_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  if (ready && !set(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes)) {
    (void)set(socket_, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  }
  if constexpr (!kIsV4<Address>) {
    // Whoever looks for an address that the kernel does not have asks a group it is not in.
    ready = ready && set(socket_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof groups);
  }
  ready = ready && bind(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
  if (ready) return {};
  return fail(ExitCode::Device, fmt::format("--link {}: no packet socket to learn neighbours from "
                                            "({})",
                                            interface, std::strerror(errno)));
}

template <typename Address>
BasicNeighbourWatch<Address>::~BasicNeighbourWatch() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    (void)!write(stop_, &one, sizeof one);
    thread_.join();
  }
  if (socket_ >= 0) close(socket_);
  if (stop_ >= 0) close(stop_);
}

template <typename Address>
void BasicNeighbourWatch<Address>::run() noexcept {
  std::array<pollfd, 2> watched{{{socket_, POLLIN, 0}, {stop_, POLLIN, 0}}};
  while ((watched[1].revents & POLLIN) == 0) {
    if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    // An interface that went down makes one error, which reading takes.
    if (watched[0].revents != 0) read_burst();
  }
}

template <typename Address>
void BasicNeighbourWatch<Address>::read_burst() noexcept {
  for (std::size_t i = 0; i < kFrames; ++i) {
    auto& slot = burst_->slots[i];
    msghdr& header = burst_->messages[i].msg_hdr;
    const std::size_t tag = plan_.vlan.tag_size();
    slot.part = {slot.bytes.data() + tag, slot.bytes.size() - tag};
    header = {};
    header.msg_iov = &slot.part;
    header.msg_iovlen = 1;
    header.msg_control = slot.control.data();
    header.msg_controllen = slot.control.size();
  }
  const int received = recvmmsg(socket_, burst_->messages.data(), kFrames, MSG_DONTWAIT, nullptr);
  constexpr Counter kSeen = kIsV4<Address> ? Counter::RxArp : Counter::RxNeighbour;
  if (received > 0) counters_.add(kSeen, static_cast<std::uint64_t>(received));
  for (int i = 0; i < received; ++i) {
    auto& slot = burst_->slots[static_cast<std::size_t>(i)];
    const auto& message = burst_->messages[static_cast<std::size_t>(i)];
    const std::size_t size = message.msg_len;
    const bool cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    if (cut || size < wire::kEthernetSize || tag_of(message.msg_hdr) != plan_.vlan.id()) continue;
    const std::size_t tag = plan_.vlan.tag_size();
    std::byte* const frame = slot.bytes.data();
    if (tag != 0) {
      // Back where the kernel took it from.
      std::memmove(frame, frame + tag, wire::kEthernetType);
      wire::write16(frame + wire::kEthernetType, wire::kTypeVlan);
      wire::write16(frame + wire::kVlanTag, plan_.vlan.id());
    }
    handle({frame, size + tag});
  }
  tpacket_stats lost{};
  socklen_t size = sizeof lost;
  if (getsockopt(socket_, SOL_PACKET, PACKET_STATISTICS, &lost, &size) == 0 && lost.tp_drops > 0) {
    counters_.add(Counter::NeighboursMissed, lost.tp_drops);
  }
}

template <typename Address>
void BasicNeighbourWatch<Address>::handle(std::span<std::byte> frame) noexcept {
  const std::size_t header = wire::kEthernetSize + plan_.vlan.tag_size();
  if constexpr (kIsV4<Address>) {
    if (internal::handle_arp(frame, plan_.mac, plan_.cookies.sources(), plan_.neighbours,
                             plan_.vlan) == internal::ArpOutcome::AnswerWritten) {
      send(frame.first(header + wire::kArpSize),
           Ipv4Address{wire::read32(frame.data() + header + wire::kArpSenderIp)});
    }
  } else {
    std::array<std::byte, internal::kMostNeighbourFrame> answer;
    if (frame.size() <= header + wire::kIpv6Size) return;
    if (internal::handle_neighbour(frame, plan_.mac, plan_.cookies.sources(), plan_.neighbours,
                                   answer,
                                   plan_.vlan) == internal::NeighbourOutcome::AnswerWritten) {
      const std::span<const std::byte> whole{answer};
      send(whole.first(internal::kNeighbourFrameSize + plan_.vlan.tag_size()),
           wire::read_ipv6(answer.data() + header + wire::kIpv6Source));
    }
  }
}

template <typename Address>
void BasicNeighbourWatch<Address>::send(std::span<const std::byte> answer, Address about) noexcept {
  if (std::ranges::binary_search(kernels_, about)) return;
  constexpr Counter kAnswered = kIsV4<Address> ? Counter::ArpAnswers : Counter::NeighbourAnswers;
  const bool sent = ::send(socket_, answer.data(), answer.size(), MSG_DONTWAIT) > 0;
  counters_.add(sent ? kAnswered : Counter::NeighbourAnswersLost);
}

template class BasicNeighbourWatch<Ipv4Address>;
template class BasicNeighbourWatch<Ipv6Address>;

}  // namespace trawl::dataplane
