#include "dataplane/exception/interface_setup.h"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

// One message to rtnetlink: its header, the header of its kind, and attributes.
template <typename Body>
struct Request {
  nlmsghdr header{};
  Body body{};
  std::array<char, 128> attributes{};

  Request(unsigned short type, unsigned flags) noexcept {
    header.nlmsg_len = NLMSG_LENGTH(sizeof body);
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<unsigned short>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }
  void add(unsigned short type, const void* data, std::size_t size) noexcept {
    char* const at = reinterpret_cast<char*>(this) + NLMSG_ALIGN(header.nlmsg_len);
    rtattr attribute{};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
    std::memcpy(at, &attribute, sizeof attribute);
    std::memcpy(at + RTA_LENGTH(0), data, size);
    header.nlmsg_len =
        static_cast<std::uint32_t>(NLMSG_ALIGN(header.nlmsg_len) + RTA_ALIGN(RTA_LENGTH(size)));
  }
  void add(unsigned short type, const IpAddress& address) noexcept {
    if (address.is_v4()) {
      const std::uint32_t bytes = wire::in_frame(address.v4());
      add(type, &bytes, sizeof bytes);
    } else {
      const wire::Ipv6Bytes bytes = wire::in_frame(address.v6());
      add(type, &bytes, sizeof bytes);
    }
  }
};

unsigned char family_of(const IpAddress& address) noexcept {
  return address.is_v4() ? AF_INET : AF_INET6;
}

}  // namespace

Result<InterfaceSetup> InterfaceSetup::open(const std::string& interface) {
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (index > 0 && fd >= 0) return InterfaceSetup{interface, index, fd};
  const int why = errno;
  if (fd >= 0) close(fd);
  return fail(ExitCode::Device,
              fmt::format("interface {} can not be set up ({})", interface, std::strerror(why)));
}

InterfaceSetup::~InterfaceSetup() {
  if (fd_ >= 0) close(fd_);
}

InterfaceSetup::InterfaceSetup(InterfaceSetup&& other) noexcept
    : interface_{std::move(other.interface_)},
      index_{other.index_},
      fd_{std::exchange(other.fd_, -1)} {}

template <typename Asked>
Result<void> InterfaceSetup::ask(Asked& request, const std::string& what) {
  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 512> rest;
  } answer{};
  int why = 0;
  if (send(fd_, &request, request.header.nlmsg_len, 0) < 0 ||
      recv(fd_, &answer, sizeof answer, 0) < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int)))) {
    why = errno;
  } else if (answer.header.nlmsg_type == NLMSG_ERROR) {
    why = -answer.error.error;
  }
  if (why == 0) return {};
  return fail(ExitCode::Device, fmt::format("interface {} does not take {} ({})", interface_, what,
                                            std::strerror(why)));
}

Result<void> InterfaceSetup::add_address(const IpAddress& address) {
  Request<ifaddrmsg> request{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL};
  request.body.ifa_family = family_of(address);
  request.body.ifa_prefixlen = address.is_v4() ? 32 : 128;
  request.body.ifa_flags = IFA_F_NODAD | IFA_F_PERMANENT;
  request.body.ifa_index = static_cast<unsigned>(index_);
  request.add(IFA_LOCAL, address);
  request.add(IFA_ADDRESS, address);
  return ask(request, fmt::format("the address {}", address.to_string()));
}

Result<void> InterfaceSetup::add_default_route(const IpAddress& gateway, const IpAddress& source) {
  constexpr std::uint32_t kAboveAll = 2'000'000'000;
  Request<rtmsg> request{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL};
  request.body.rtm_family = family_of(gateway);
  request.body.rtm_table = RT_TABLE_MAIN;
  request.body.rtm_protocol = RTPROT_STATIC;
  request.body.rtm_scope = RT_SCOPE_UNIVERSE;
  request.body.rtm_type = RTN_UNICAST;
  request.body.rtm_flags = RTNH_F_ONLINK;
  const std::uint32_t metric = kAboveAll + static_cast<std::uint32_t>(index_);
  request.add(RTA_GATEWAY, gateway);
  request.add(RTA_OIF, &index_, sizeof index_);
  request.add(RTA_PRIORITY, &metric, sizeof metric);
  request.add(RTA_PREFSRC, source);
  return ask(request, fmt::format("a route through {}", gateway.to_string()));
}

Result<void> InterfaceSetup::add_neighbour(const IpAddress& address, MacAddress mac) {
  Request<ndmsg> request{RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE};
  request.body.ndm_family = family_of(address);
  request.body.ndm_ifindex = index_;
  request.body.ndm_state = NUD_PERMANENT;
  request.add(NDA_DST, address);
  request.add(NDA_LLADDR, mac.bytes().data(), mac.bytes().size());
  return ask(request, fmt::format("the neighbour {}", address.to_string()));
}

Result<void> InterfaceSetup::bring_up() {
  Request<ifinfomsg> request{RTM_NEWLINK, 0};
  request.body.ifi_index = index_;
  request.body.ifi_flags = IFF_UP;
  request.body.ifi_change = IFF_UP;
  return ask(request, "to be brought up");
}

void set_interface_option(const std::string& interface, const char* family, const char* key,
                          int value) noexcept {
  std::ofstream file{fmt::format("/proc/sys/net/{}/conf/{}/{}", family, interface, key)};
  file << value;
}

}  // namespace trawl::dataplane
