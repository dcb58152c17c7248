#include "nse/host/kernel_sender.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "service/nsock/descriptor.h"

namespace trawl::nse {
namespace {

Failure device_error(std::string_view what, int error) {
  return fail(ExitCode::Device, fmt::format("{}: {}", what, std::strerror(error)));
}

class EthernetSender : public RawSender {
 public:
  EthernetSender(service::Descriptor fd, int index) : fd_{std::move(fd)}, index_{index} {}
  Result<void> send(std::string_view frame, const service::Endpoint& /*to*/) override {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index_;
    to.sll_halen = ETH_ALEN;
    std::memcpy(to.sll_addr, frame.data(), std::min<std::size_t>(frame.size(), ETH_ALEN));
    if (sendto(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
      return device_error("cannot send a frame", errno);
    }
    return {};
  }

 private:
  service::Descriptor fd_;
  int index_;
};

class IpSender : public RawSender {
 public:
  IpSender(service::Descriptor v4, service::Descriptor v6)
      : v4_{std::move(v4)}, v6_{std::move(v6)} {}
  Result<void> send(std::string_view packet, const service::Endpoint& to) override {
    sockaddr_in6 six{};
    sockaddr_in four{};
    const sockaddr* name = reinterpret_cast<const sockaddr*>(&four);
    socklen_t size = sizeof four;
    if (to.ip.is_v4()) {
      four.sin_family = AF_INET;
      four.sin_addr.s_addr = htonl(to.ip.v4().value());
    } else {
      six.sin6_family = AF_INET6;
      six.sin6_scope_id = to.zone;
      const Uint128 value = to.ip.v6().value();
      for (unsigned i = 0; i < 16; ++i) {
        six.sin6_addr.s6_addr[i] = static_cast<std::uint8_t>(value >> (120 - 8 * i));
      }
      name = reinterpret_cast<const sockaddr*>(&six);
      size = sizeof six;
    }
    const int fd = to.ip.is_v4() ? v4_.get() : v6_.get();
    if (sendto(fd, packet.data(), packet.size(), MSG_NOSIGNAL, name, size) < 0) {
      return device_error("cannot send a packet", errno);
    }
    return {};
  }

 private:
  service::Descriptor v4_, v6_;
};

}  // namespace

Result<std::unique_ptr<RawSender>> open_kernel_ethernet(const std::string& device) {
  ifreq request{};
  if (device.empty() || device.size() >= sizeof request.ifr_name) {
    return device_error(device, ENODEV);
  }
  service::Descriptor fd{socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.is_open()) return device_error(device, errno);
  std::copy(device.begin(), device.end(), request.ifr_name);
  if (ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) return device_error(device, errno);
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    return fail(ExitCode::Device, fmt::format("{} is no Ethernet device", device));
  }
  if (ioctl(fd.get(), SIOCGIFINDEX, &request) != 0) return device_error(device, errno);
  return std::make_unique<EthernetSender>(std::move(fd), request.ifr_ifindex);
}

Result<std::unique_ptr<RawSender>> open_kernel_ip() {
  constexpr int kType = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  service::Descriptor v4{socket(AF_INET, kType, IPPROTO_RAW)};
  if (!v4.is_open()) return device_error("cannot open a raw socket", errno);
  const int on = 1;
  static_cast<void>(setsockopt(v4.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on));
  // A system without IPv6 sends IPv4.
  return std::make_unique<IpSender>(std::move(v4),
                                    service::Descriptor{socket(AF_INET6, kType, IPPROTO_RAW)});
}

}  // namespace trawl::nse
