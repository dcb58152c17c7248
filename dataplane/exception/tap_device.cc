#include "dataplane/exception/tap_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/exception/interface_setup.h"

namespace trawl::dataplane {
namespace {

// Frames that wait for us; the kernel drops what is more, and counts it.
constexpr int kQueueLength = 2000;

Failure refused(const TapConfig& config, const char* step) {
  const int why = errno;
  if (why == EBUSY) {
    return fail(ExitCode::Device,
                fmt::format("--tap: there is an interface {0} already; give another name "
                            "(--tap={0}x)",
                            config.name));
  }
  const char* const advice = why == EPERM || why == EACCES   ? "; run as root or give CAP_NET_ADMIN"
                             : why == ENOENT || why == ENXIO ? "; load the kernel module tun"
                                                             : "";
  return fail(ExitCode::Device, fmt::format("--tap: {} can not be {} ({}){}", config.name, step,
                                            std::strerror(why), advice));
}

// MTU, hardware address and queue length go through a socket.
Result<void> set_hardware(const TapConfig& config) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(config, "set up");
  ifreq request{};
  std::strncpy(request.ifr_name, config.name.c_str(), IFNAMSIZ - 1);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, config.mac.bytes().data(), config.mac.bytes().size());
  bool done = ioctl(fd, SIOCSIFHWADDR, &request) == 0;
  request.ifr_mtu = static_cast<int>(config.mtu);
  done = done && ioctl(fd, SIOCSIFMTU, &request) == 0;
  request.ifr_qlen = kQueueLength;
  done = done && ioctl(fd, SIOCSIFTXQLEN, &request) == 0;
  const int why = errno;
  close(fd);
  errno = why;
  return done ? Result<void>{} : refused(config, "given the link's MAC address and MTU");
}

// What the kernel would otherwise do on an interface by itself.
void set_options(const std::string& name, bool v4) noexcept {
  // The route to an address that we got a packet from may be another interface's.
  constexpr int kLoose = 2;
  constexpr int kNoLinkLocal = 1;
  set_interface_option(name, "ipv4", "rp_filter", kLoose);
  set_interface_option(name, "ipv6", "disable_ipv6", v4 ? 1 : 0);
  set_interface_option(name, "ipv6", "addr_gen_mode", kNoLinkLocal);
  set_interface_option(name, "ipv6", "accept_ra", 0);
  set_interface_option(name, "ipv6", "autoconf", 0);
  set_interface_option(name, "ipv6", "accept_dad", 0);
}

// Stands for a gateway of which only the MAC is known: link-local addresses (RFC 3927, RFC 4291).
IpAddress gateway_stand_in(bool v4) noexcept {
  constexpr Ipv4Address kStandIn4{0xa9fe0001};
  constexpr Ipv6Address kStandIn6{(Uint128{0xfe80} << 112U) | 1};
  return v4 ? IpAddress{kStandIn4} : IpAddress{kStandIn6};
}

Result<void> set_network(const TapConfig& config) {
  auto setup = InterfaceSetup::open(config.name);
  if (!setup) return Failure{setup.error()};
  if (auto done = setup->bring_up(); !done) return done;
  for (const IpAddress& address : config.addresses) {
    if (auto done = setup->add_address(address); !done) return done;
  }
  if (!config.gateway && !config.gateway_mac) return {};
  const IpAddress& source = config.addresses.front();
  const IpAddress gateway = config.gateway.value_or(gateway_stand_in(source.is_v4()));
  if (config.gateway_mac) {
    if (auto done = setup->add_neighbour(gateway, *config.gateway_mac); !done) return done;
  }
  return setup->add_default_route(gateway, source);
}

}  // namespace

Result<TapDevice> TapDevice::make(const TapConfig& config) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return refused(config, "made with /dev/net/tun");
  TapDevice device{fd};
  if (auto done = device.attach(config); !done) return Failure{done.error()};
  if (auto done = set_hardware(config); !done) return Failure{done.error()};
  set_options(config.name, config.addresses.front().is_v4());
  if (auto done = set_network(config); !done) return Failure{done.error()};
  return device;
}

Result<void> TapDevice::attach(const TapConfig& config) {
  ifreq request{};
  std::strncpy(request.ifr_name, config.name.c_str(), IFNAMSIZ - 1);
  // Exclusive: a persistent interface of that name is somebody else's.
  constexpr unsigned kFlags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL;
  request.ifr_flags = static_cast<short>(kFlags);
  if (ioctl(fd_, TUNSETIFF, &request) != 0) return refused(config, "made");
  constexpr unsigned long kNoOffloads = 0;
  if (ioctl(fd_, TUNSETOFFLOAD, kNoOffloads) != 0) return refused(config, "kept from offloads");
  return {};
}

TapDevice::~TapDevice() {
  if (fd_ >= 0) close(fd_);
}

TapDevice::TapDevice(TapDevice&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}

TapDevice::Outcome TapDevice::read(std::span<std::byte> into, std::size_t& size) const noexcept {
  const ssize_t got = ::read(fd_, into.data(), into.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Outcome::Empty : Outcome::Refused;
  size = static_cast<std::size_t>(got);
  return Outcome::Done;
}

TapDevice::Outcome TapDevice::write(std::span<const std::byte> frame) const noexcept {
  return ::write(fd_, frame.data(), frame.size()) < 0 ? Outcome::Refused : Outcome::Done;
}

}  // namespace trawl::dataplane
