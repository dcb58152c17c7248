#include "dataplane/link.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/log.h"
#include "dataplane/eal.h"
#include "dataplane/exception/exception_path.h"
#include "dataplane/exception/interface_claim.h"
#include "dataplane/internal/kernel_losses.h"

namespace trawl::dataplane {
namespace {

constexpr unsigned kPoolCache = 256;

struct InterfaceFlags {
  bool exists = false;
  bool up = false;
  bool loopback = false;
  unsigned mtu = 0;  // 0: it does not tell.
};

// Asks the kernel of the calling thread's network namespace; sysfs may show another's.
InterfaceFlags interface_flags(const std::string& name) noexcept {
  InterfaceFlags result;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return result;
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
    result.exists = true;
    const int flags = request.ifr_flags;
    result.up = (flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0;
    result.loopback = (flags & IFF_LOOPBACK) != 0;
    if (ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0) {
      result.mtu = static_cast<unsigned>(request.ifr_mtu);
    }
  }
  ::close(fd);
  return result;
}

// Receive queues the interface spreads frames over (ethtool(8) --show-channels), 1 when it can not
// say. An AF_XDP socket gets the frames of its own queue only, so all of them must be opened.
std::uint16_t receive_queues(const std::string& name) noexcept {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 1;
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  const bool known = ioctl(fd, SIOCETHTOOL, &request) == 0;
  ::close(fd);
  const unsigned count = known ? channels.rx_count + channels.combined_count : 1;
  return static_cast<std::uint16_t>(std::clamp(count, 1U, 1024U));
}

// Whether the calling thread has `capability` in effect (capabilities(7)).
bool has_capability(unsigned capability) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;  // Then the driver will tell.
  return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

// The first capability that is missing to send raw frames, or nullptr.
const char* missing_capability() noexcept {
  if (!has_capability(CAP_NET_RAW)) return "CAP_NET_RAW";
  if (!has_capability(CAP_NET_ADMIN)) return "CAP_NET_ADMIN";
  return nullptr;
}

Failure device_error(std::string message) { return fail(ExitCode::Device, std::move(message)); }

}  // namespace

Result<std::unique_ptr<Link>> Link::open(const LinkSpec& spec, const LinkOptions& options) {
  std::unique_ptr<Link> link{new Link};
  link->spec_ = spec;
  if (options.senders > kMostQueues) {
    return device_error(fmt::format("--link {}: a link has at most {} queues; give fewer --lcores",
                                    spec.text, kMostQueues));
  }
  if (auto done = check(spec); !done) return Failure{done.error()};
  if (auto done = link->attach(options); !done) return Failure{done.error()};
  link->kernel_losses_ = std::make_unique<internal::LossMeter>(spec.kernel_interface);
  return link;
}

Result<void> Link::check(const LinkSpec& spec) {
  if (!spec.kernel_interface.empty()) {
    const InterfaceFlags flags = interface_flags(spec.kernel_interface);
    if (!flags.exists) {
      return device_error(
          fmt::format("--link {}: there is no such interface in this network "
                      "namespace; 'ip link' lists them",
                      spec.kernel_interface));
    }
    if (flags.loopback) {
      return device_error(
          fmt::format("--link {}: the loopback has no Ethernet neighbours to send to; name another "
                      "interface",
                      spec.kernel_interface));
    }
    if (const char* const missing = missing_capability(); missing != nullptr) {
      return device_error(fmt::format(
          "--link {}: no permission to send raw packets ({} is missing); run as root or "
          "give trawl CAP_NET_RAW and CAP_NET_ADMIN",
          spec.kernel_interface, missing));
    }
    if (!flags.up) {
      return device_error(
          fmt::format("--link {0}: the interface is down; bring it up with 'ip link "
                      "set {0} up'",
                      spec.kernel_interface));
    }
  }
  return {};
}

Result<void> Link::attach(const LinkOptions& options) {
  if (spec_.kind == LinkKind::KernelInterface) return attach_interface(options);
  if (spec_.kind == LinkKind::Pci) {
    std::uint16_t port = 0;
    const bool named = rte_eth_dev_get_port_by_name(spec_.text.c_str(), &port) == 0;
    if (!named && rte_eth_dev_count_avail() == 0) {
      return device_error(
          fmt::format("--link {}: DPDK drives no such NIC; bind it to vfio-pci with "
                      "'dpdk-devbind.py -b vfio-pci {}'",
                      spec_.text, spec_.text));
    }
    port_ = port;
    driver_ = "pci";
    return configure(options, options.senders);
  }
  return attach_vdev(options);
}

Result<void> Link::attach_vdev(const LinkOptions& options) {
  const std::string driver = spec_.driver();
  const bool xdp = driver == "net_af_xdp";
  const bool claims = options.scan.has_value() || options.exclusive;
  if (claims && (xdp || driver == "net_af_packet") && !spec_.kernel_interface.empty()) {
    if (auto done = claim_interface(options); !done) return done;
    // Whoever names a program of their own has it instead of ours.
    if (xdp && spec_.text.find("xdp_prog=") == std::string::npos) {
      return attach_xdp(spec_.device(), options, options.senders);
    }
    if (!xdp && exception_) exception_->silence_kernel();
  }
  if (auto done = probe(spec_.device(), driver); !done) return done;
  return configure(options, options.senders);
}

Result<void> Link::claim_interface(const LinkOptions& options) {
  auto claim = InterfaceClaim::take(spec_.kernel_interface);
  if (!claim) return Failure{claim.error()};
  claim_ = std::make_unique<InterfaceClaim>(std::move(*claim));
  if (!options.scan) return {};
  auto path = ExceptionPath::open(*options.scan, *claim_);
  if (!path) return Failure{path.error()};
  exception_ = std::make_unique<ExceptionPath>(std::move(*path));
  return {};
}

// With our program where the driver of the interface takes one; else with libxdp's, which is
// attached in generic mode then, and replaced by ours. Without a scan libxdp's stays.
Result<void> Link::attach_xdp(const std::string& device, const LinkOptions& options,
                              std::uint16_t queues) {
  constexpr const char* kDriver = "net_af_xdp";
  if (exception_) {
    const auto program = exception_->program();
    if (!program) return Failure{program.error()};
    Result<void> done = probe(fmt::format("{},xdp_prog={}", device, program->path()), kDriver);
    if (done) done = configure(options, queues);
    filtered_ = done.has_value();
    if (filtered_) return done;
    log_debug("{}: {}", spec_.kernel_interface, done.error().message);
    detach();
    (void)rte_eal_hotplug_remove("vdev", device_name_.c_str());  // Or its name stays taken.
  }
  Result<void> done = probe(device, kDriver);
  if (done) done = configure(options, queues);
  if (!done || !exception_) return done;
  done = exception_->filter_in_generic_mode();
  filtered_ = done.has_value();
  return done;
}

std::uint16_t Link::queues_for(const LinkSpec& spec, std::uint16_t senders) noexcept {
  if (spec.kind != LinkKind::KernelInterface) return senders;
  return std::max(senders, receive_queues(spec.kernel_interface));
}

ByteCount Link::memory_for(std::uint16_t queues) noexcept {
  return ByteCount::mebibytes(std::max(192U, 96U + 32U * queues));
}

// XDP can be refused early (no such support) or late (a missing right, no memory to lock);
// af_packet needs less of the kernel, so it is tried then.
Result<void> Link::attach_interface(const LinkOptions& options) {
  const std::string& name = spec_.kernel_interface;
  const std::uint16_t queues = queues_for(spec_, options.senders);
  if (auto claimed = claim_interface(options); !claimed) return claimed;
  Result<void> done;
  const std::uint16_t available = receive_queues(name);
  if (options.senders > available) {
    done = device_error(fmt::format("{} sending threads need as many queues, and it has {}",
                                    options.senders, available));
  } else if (queues > kMostQueues) {
    done = device_error(fmt::format("{} receive queues are more than {}", queues, kMostQueues));
  } else {
    done = attach_xdp(fmt::format("net_af_xdp_trawl,iface={},queue_count={}", name, queues),
                      options, queues);
    if (done) return done;
  }
  log_warning("{}: {}; using af_packet instead", name, done.error().message);
  detach();
  if (exception_) exception_->silence_kernel();
  // Its own default is a ring of 512 frames: five milliseconds at 100,000 replies a second.
  constexpr unsigned kRingFrames = 8192;
  done = probe(fmt::format("net_af_packet_trawl,iface={},qpairs={},qdisc_bypass=1,blocksz=65536,"
                           "framesz=2048,framecnt={}",
                           name, options.senders, kRingFrames),
               "net_af_packet");
  return done ? configure(options, options.senders) : done;
}

void Link::detach() noexcept {
  if (exception_) exception_->restore_generic_mode();
  if (port_ != kNoPort) {
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
    port_ = kNoPort;
  }
  for (rte_mempool*& pool : tx_pools_) rte_mempool_free(std::exchange(pool, nullptr));
  rte_mempool_free(std::exchange(rx_pool_, nullptr));
}

Result<void> Link::probe(const std::string& device, const std::string& driver) {
  if (rte_dev_probe(device.c_str()) != 0) {
    return device_error(fmt::format("--link {}: the {} driver refused it: {}", spec_.text, driver,
                                    Eal::last_log_line()));
  }
  device_name_ = device.substr(0, device.find(','));
  driver_ = driver;
  if (rte_eth_dev_get_port_by_name(device_name_.c_str(), &port_) != 0) {
    return device_error(fmt::format("--link {}: the {} driver made no port", spec_.text, driver));
  }
  return {};
}

// Every receive queue may hold a ring of buffers, and so may what af_xdp has under way to the wire.
Result<void> Link::make_pools(const LinkOptions& options) {
  const auto make = [](const std::string& name, unsigned count) {
    return rte_pktmbuf_pool_create(name.c_str(), count - 1, kPoolCache, 0,
                                   RTE_MBUF_DEFAULT_BUF_SIZE, static_cast<int>(rte_socket_id()));
  };
  for (unsigned queue = 0; queue < options.senders; ++queue) {
    tx_pools_[queue] = make(fmt::format("tx{}_{}", port_, queue), options.tx_buffers);
    if (tx_pools_[queue] == nullptr) break;
  }
  const unsigned needed = 2U * queues_ * (options.rx_ring + options.tx_ring);
  rx_pool_ = make(fmt::format("rx{}", port_), std::max(options.rx_buffers, needed));
  if (rx_pool_ == nullptr || tx_pools_[options.senders - 1] == nullptr) {
    return device_error(
        fmt::format("not enough memory for packet buffers ({}); free some hugepages "
                    "or memory",
                    rte_strerror(rte_errno)));
  }
  return {};
}

Result<void> Link::configure(const LinkOptions& options, std::uint16_t queues) {
  queues_ = queues;
  if (auto done = make_pools(options); !done) return done;
  rte_eth_conf conf{};
  const auto check = [this](int status, const char* step) -> Result<void> {
    if (status == 0) return {};
    if (driver_ == "net_memif" && std::string_view{step} == "start") {
      return device_error(
          fmt::format("--link {}: nobody answers on the memif socket; start the "
                      "process at the other end first",
                      spec_.text));
    }
    return device_error(fmt::format("--link {}: the {} driver failed to {} ({}): {}", spec_.text,
                                    driver_, step, rte_strerror(-status), Eal::last_log_line()));
  };
  if (auto ok = check(rte_eth_dev_configure(port_, queues, queues, &conf), "take that many queues");
      !ok) {
    return ok;
  }
  std::uint16_t rx_ring = options.rx_ring;
  std::uint16_t tx_ring = options.tx_ring;
  rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx_ring, &tx_ring);
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    const int status = rte_eth_tx_queue_setup(port_, queue, tx_ring, SOCKET_ID_ANY, nullptr);
    if (auto ok = check(status, "set up a transmit queue"); !ok) return ok;
  }
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    const int status =
        rte_eth_rx_queue_setup(port_, queue, rx_ring, SOCKET_ID_ANY, nullptr, rx_pool_);
    if (auto ok = check(status, "set up a receive queue"); !ok) return ok;
  }
  if (auto ok = check(rte_eth_dev_start(port_), "start"); !ok) return ok;
  rte_ether_addr address{};
  rte_eth_macaddr_get(port_, &address);
  MacAddress::Bytes bytes{};
  std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), bytes.begin());
  mac_ = MacAddress{bytes};
  return {};
}

Link::Link() = default;
Link::~Link() { detach(); }

unsigned Link::mtu() const noexcept {
  constexpr unsigned kMost = RTE_MBUF_DEFAULT_DATAROOM - RTE_ETHER_HDR_LEN - RTE_VLAN_HLEN;
  std::uint16_t mtu = RTE_ETHER_MTU;
  (void)rte_eth_dev_get_mtu(port_, &mtu);
  // The af_xdp driver does not look at that of its interface.
  const unsigned of_kernel =
      spec_.kernel_interface.empty() ? 0 : interface_flags(spec_.kernel_interface).mtu;
  return std::min<unsigned>(of_kernel > 0 ? std::min<unsigned>(mtu, of_kernel) : mtu, kMost);
}

LinkCounters Link::counters() const noexcept {
  rte_eth_stats stats{};
  LinkCounters counters;
  if (rte_eth_stats_get(port_, &stats) != 0) return counters;
  counters.tx_frames = stats.opackets;
  // net_af_xdp counts here what its ring did not take, although it gives that back to us.
  counters.tx_errors = driver_ == "net_af_xdp" ? 0 : stats.oerrors;
  counters.rx_frames = stats.ipackets;
  counters.rx_missed = stats.imissed;
  counters.rx_errors = stats.ierrors;
  counters.rx_no_buffer = stats.rx_nombuf;
  const internal::KernelLosses kernel = kernel_losses_->losses();
  counters.tx_dropped = kernel.sent;
  counters.rx_missed += kernel.received;
  return counters;
}

// Drivers without such a filter say that they cannot do it; they pass everything up.
void Link::receive_groups() noexcept { (void)rte_eth_allmulticast_enable(port_); }

bool Link::is_up() const noexcept {
  if (!spec_.kernel_interface.empty()) return interface_flags(spec_.kernel_interface).up;
  if (spec_.kind == LinkKind::Vdev && driver_ != "net_memif") return true;
  rte_eth_link state{};
  return rte_eth_link_get_nowait(port_, &state) == 0 && state.link_status == RTE_ETH_LINK_UP;
}

bool Link::wait_until_up() const {
  constexpr auto kPatience = std::chrono::seconds{5};
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!is_up()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

}  // namespace trawl::dataplane
