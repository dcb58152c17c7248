#include "dataplane/packet/route_table.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

// A request of rtnetlink with room for two attributes.
struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  std::array<char, 64> attributes;
};

void add_attribute(RouteRequest& request, unsigned short type, const void* data,
                   std::size_t size) noexcept {
  char* const at = reinterpret_cast<char*>(&request) + NLMSG_ALIGN(request.header.nlmsg_len);
  rtattr attribute{};
  attribute.rta_type = type;
  attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
  std::memcpy(at, &attribute, sizeof attribute);
  std::memcpy(at + RTA_LENGTH(0), data, size);
  request.header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(request.header.nlmsg_len) +
                                                        RTA_ALIGN(RTA_LENGTH(size)));
}

void add_address(RouteRequest& request, unsigned short type, const IpAddress& address) noexcept {
  if (address.is_v4()) {
    const std::uint32_t bytes = wire::in_frame(address.v4());
    add_attribute(request, type, &bytes, sizeof bytes);
  } else {
    const wire::Ipv6Bytes bytes = wire::in_frame(address.v6());
    add_attribute(request, type, &bytes, sizeof bytes);
  }
}

std::optional<IpAddress> read_address(const std::byte* at, std::size_t size) noexcept {
  if (size == 4) return IpAddress{Ipv4Address{wire::read32(at)}};
  if (size == 16) return IpAddress{wire::read_ipv6(at)};
  return std::nullopt;
}

// The answer to one request; `size` bytes are there.
std::optional<Route> read_route(const std::byte* at, std::size_t size) noexcept {
  nlmsghdr header{};
  if (size < NLMSG_LENGTH(sizeof(rtmsg))) return std::nullopt;
  std::memcpy(&header, at, sizeof header);
  if (header.nlmsg_type != RTM_NEWROUTE || header.nlmsg_len > size ||
      header.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) {
    return std::nullopt;
  }
  rtmsg message{};
  std::memcpy(&message, at + NLMSG_HDRLEN, sizeof message);
  if (message.rtm_type != RTN_UNICAST && message.rtm_type != RTN_LOCAL) return std::nullopt;
  Route route;
  route.is_local = message.rtm_type == RTN_LOCAL;
  std::size_t offset = NLMSG_LENGTH(sizeof message);
  while (offset + sizeof(rtattr) <= header.nlmsg_len) {
    rtattr attribute{};
    std::memcpy(&attribute, at + offset, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || offset + attribute.rta_len > header.nlmsg_len) {
      break;
    }
    const std::byte* const value = at + offset + RTA_LENGTH(0);
    const std::size_t length = attribute.rta_len - RTA_LENGTH(0);
    if (attribute.rta_type == RTA_OIF && length == sizeof route.interface) {
      std::memcpy(&route.interface, value, length);
    } else if (attribute.rta_type == RTA_PREFSRC) {
      if (const auto source = read_address(value, length)) route.source = *source;
    } else if (attribute.rta_type == RTA_GATEWAY) {
      route.gateway = read_address(value, length);
    }
    offset += RTA_ALIGN(attribute.rta_len);
  }
  return route;
}

Failure no_interface(std::string_view name, int error) {
  return fail(ExitCode::Device,
              fmt::format("interface {}: {}", name, std::system_category().message(error)));
}

}  // namespace

Result<RouteTable> RouteTable::open() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) {
    return fail(ExitCode::Runtime, fmt::format("the kernel's routes cannot be read: {}",
                                               std::system_category().message(errno)));
  }
  return RouteTable{fd};
}

RouteTable::~RouteTable() {
  if (fd_ >= 0) (void)::close(fd_);
}

RouteTable::RouteTable(RouteTable&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)}, serial_{other.serial_} {}

std::optional<Route> RouteTable::find(const IpAddress& destination, int interface) {
  RouteRequest request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.route);
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = ++serial_;
  request.route.rtm_family = destination.is_v4() ? AF_INET : AF_INET6;
  request.route.rtm_dst_len = destination.is_v4() ? 32 : 128;
  add_address(request, RTA_DST, destination);
  if (interface != 0) add_attribute(request, RTA_OIF, &interface, sizeof interface);
  if (::send(fd_, &request, request.header.nlmsg_len, 0) < 0) return std::nullopt;
  alignas(nlmsghdr) std::array<std::byte, 4096> answer;
  for (;;) {
    const ssize_t size = ::recv(fd_, answer.data(), answer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    nlmsghdr header{};
    std::memcpy(&header, answer.data(), sizeof header);
    if (header.nlmsg_seq != serial_) continue;
    return read_route(answer.data(), static_cast<std::size_t>(size));
  }
}

Result<InterfaceFacts> look_up_interface(const std::string& name) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return no_interface(name, errno);
  InterfaceFacts facts;
  facts.name = name;
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  const auto ask = [&](unsigned long what) { return ::ioctl(fd, what, &request) == 0; };
  int error = 0;
  if (ask(SIOCGIFINDEX)) {
    facts.index = request.ifr_ifindex;
  } else {
    error = errno;
  }
  if (error == 0 && ask(SIOCGIFFLAGS)) {
    const auto flags = static_cast<unsigned short>(request.ifr_flags);
    facts.is_up = (flags & IFF_UP) != 0;
    facts.is_loopback = (flags & IFF_LOOPBACK) != 0;
  }
  if (error == 0 && ask(SIOCGIFMTU)) facts.mtu = static_cast<unsigned>(request.ifr_mtu);
  if (error == 0 && ask(SIOCGIFHWADDR) && request.ifr_hwaddr.sa_family == ARPHRD_ETHER) {
    facts.is_ethernet = true;
    MacAddress::Bytes bytes{};
    std::memcpy(bytes.data(), request.ifr_hwaddr.sa_data, bytes.size());
    facts.mac = MacAddress{bytes};
  }
  (void)::close(fd);
  if (error != 0) return no_interface(name, error);
  return facts;
}

Result<InterfaceFacts> look_up_interface(int index) {
  std::array<char, IF_NAMESIZE> name{};
  if (::if_indextoname(static_cast<unsigned>(index), name.data()) == nullptr) {
    return no_interface(fmt::format("number {}", index), errno);
  }
  return look_up_interface(std::string{name.data()});
}

}  // namespace trawl::dataplane
