#include "dataplane/exception/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "dataplane/exception/scan_filter.h"

namespace trawl::dataplane {
namespace {

// The name libxdp gives the program it loads for AF_XDP sockets.
constexpr std::string_view kDefaultName = "xsk_def_prog";

bool is_meant(std::string_view name, StaleXdp which) noexcept {
  return name == kScanFilterName || (name == kDefaultName && which == StaleXdp::OursOrLibxdps);
}

struct CloseMultiprog {
  void operator()(xdp_multiprog* programs) const noexcept { xdp_multiprog__close(programs); }
};
using Attached = std::unique_ptr<xdp_multiprog, CloseMultiprog>;

Attached attached_to(int index) noexcept {
  xdp_multiprog* const found = xdp_multiprog__get_from_ifindex(index);
  return Attached{libxdp_get_error(found) == 0 ? found : nullptr};
}

// Calls with each program: those behind libxdp's dispatcher, or the only one there is.
template <typename Call>
void for_each_program(const xdp_multiprog* attached, Call call) {
  bool any = false;
  xdp_program* program = nullptr;
  while ((program = xdp_multiprog__next_prog(program, attached)) != nullptr) {
    any = true;
    call(program);
  }
  if (any || !xdp_multiprog__is_legacy(attached)) return;
  if (xdp_program* const only = xdp_multiprog__main_prog(attached); only != nullptr) call(only);
}

// A descriptor of the map of that name that the program uses, -1 when it has none.
int map_of(int program, std::string_view name) noexcept {
  constexpr unsigned kMost = 16;
  std::array<__u32, kMost> maps{};
  bpf_prog_info info{};
  info.nr_map_ids = kMost;
  info.map_ids = reinterpret_cast<__u64>(maps.data());
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return -1;
  for (unsigned i = 0; i < std::min(kMost, info.nr_map_ids); ++i) {
    const int map = bpf_map_get_fd_by_id(maps[i]);
    if (map < 0) continue;
    bpf_map_info about{};
    __u32 about_size = sizeof about;
    if (bpf_obj_get_info_by_fd(map, &about, &about_size) == 0 && name == about.name) return map;
    close(map);
  }
  return -1;
}

// A descriptor of the map in which libxdp keeps the sockets of an interface.
int socket_map(int index) noexcept {
  const Attached attached = attached_to(index);
  int map = -1;
  if (!attached) return map;
  for_each_program(attached.get(), [&map](xdp_program* program) {
    if (map < 0 && kDefaultName == xdp_program__name(program)) {
      map = map_of(xdp_program__fd(program), "xsks_map");
    }
  });
  return map;
}

// Loads our program, over the given map of sockets unless that is -1; its descriptor, or a negative
// error number.
int load(int map, const ScanTraffic& traffic) {
  const auto bytes = scan_filter_object(traffic);
  bpf_object* const object = bpf_object__open_mem(bytes.data(), bytes.size(), nullptr);
  if (object == nullptr) return -errno;
  const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> owner{object, bpf_object__close};
  bpf_map* const sockets = bpf_object__find_map_by_name(object, "xsks_map");
  if (const int failed = map < 0 ? 0 : bpf_map__reuse_fd(sockets, map); failed != 0) return failed;
  if (const int failed = bpf_object__load(object); failed != 0) return failed;
  const bpf_program* const program = bpf_object__find_program_by_name(object, kScanFilterName);
  const int fd = dup(bpf_program__fd(program));
  return fd < 0 ? -errno : fd;
}

Failure refused(const std::string& interface, int error) {
  return fail(ExitCode::Device, fmt::format("{}: the kernel refuses the scan's XDP program ({})",
                                            interface, std::strerror(-error)));
}

int replace(int index, int program, int before, unsigned mode) noexcept {
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = before);
  return bpf_xdp_attach(index, program, mode | XDP_FLAGS_REPLACE, &options);
}

}  // namespace

Result<void> try_scan_filter() {
  const int socket = ::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    return fail(ExitCode::Device,
                fmt::format("the kernel gives no AF_XDP sockets ({})", std::strerror(errno)));
  }
  close(socket);
  const int program = load(-1, {.sources = {IpAddress{}}});
  if (program < 0) {
    return fail(ExitCode::Device, fmt::format("the kernel refuses the scan's XDP program ({})",
                                              std::strerror(-program)));
  }
  close(program);
  return {};
}

XdpState xdp_state(const std::string& interface) {
  XdpState state;
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (index == 0 || bpf_xdp_query(index, 0, &query) != 0) return state;
  switch (query.attach_mode) {
    case XDP_ATTACHED_NONE: return state;
    case XDP_ATTACHED_DRV: state.mode = XdpState::Mode::Native; break;
    case XDP_ATTACHED_SKB: state.mode = XdpState::Mode::Generic; break;
    case XDP_ATTACHED_HW: state.mode = XdpState::Mode::Offloaded; break;
    default: state.mode = XdpState::Mode::Several; break;
  }
  if (const Attached attached = attached_to(index)) {
    for_each_program(attached.get(), [&state](xdp_program* program) {
      state.programs.emplace_back(xdp_program__name(program));
    });
  }
  return state;
}

bool remove_stale_xdp(const std::string& interface, StaleXdp which) noexcept {
  const unsigned index = if_nametoindex(interface.c_str());
  const Attached attached = index == 0 ? Attached{} : attached_to(static_cast<int>(index));
  if (!attached) return false;
  bool meant_only = true;
  bool any = false;
  for_each_program(attached.get(), [&](xdp_program* program) {
    any = true;
    meant_only = meant_only && is_meant(xdp_program__name(program), which);
  });
  return any && meant_only && xdp_multiprog__detach(attached.get()) == 0;
}

Result<GenericScanFilter> GenericScanFilter::attach(const std::string& interface,
                                                    const ScanTraffic& traffic) {
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  const int map = socket_map(index);
  if (map < 0 || bpf_xdp_query(index, 0, &query) != 0) return refused(interface, -ENOENT);
  const int ours = load(map, traffic);
  close(map);
  if (ours < 0) return refused(interface, ours);
  const int before = bpf_prog_get_fd_by_id(query.prog_id);
  const unsigned mode =
      query.attach_mode == XDP_ATTACHED_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  GenericScanFilter filter{index, before, ours, mode};
  if (const int failed = replace(index, ours, before, mode); failed != 0) {
    return refused(interface, failed);
  }
  return filter;
}

GenericScanFilter::~GenericScanFilter() {
  if (ours_ < 0) return;
  (void)replace(index_, before_, ours_, mode_);
  close(before_);
  close(ours_);
}

GenericScanFilter::GenericScanFilter(GenericScanFilter&& other) noexcept
    : index_{other.index_},
      before_{other.before_},
      ours_{std::exchange(other.ours_, -1)},
      mode_{other.mode_} {}

}  // namespace trawl::dataplane
