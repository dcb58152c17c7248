#include "service/nsock/pcap_watch.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <array>
#include <utility>

namespace trawl::service {
namespace {

// Compiled filters belong to libpcap.
struct Program {
  bpf_program code{};
  bool is_made = false;
  ~Program() {
    if (is_made) pcap_freecode(&code);
  }
};

}  // namespace

Result<std::unique_ptr<PcapWatch>> PcapWatch::open(const Settings& settings) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap* const handle = pcap_create(settings.device.c_str(), error.data());
  if (handle == nullptr) {
    return fail(ExitCode::Device,
                fmt::format("cannot capture on {}: {}", settings.device, error.data()));
  }
  std::unique_ptr<PcapWatch> watch{new PcapWatch{handle}};
  pcap_set_snaplen(handle, settings.snap_length);
  pcap_set_promisc(handle, settings.promiscuous ? 1 : 0);
  pcap_set_immediate_mode(handle, 1);
  if (pcap_activate(handle) < 0 || pcap_setnonblock(handle, 1, error.data()) != 0) {
    return fail(ExitCode::Device,
                fmt::format("cannot capture on {}: {}", settings.device, pcap_geterr(handle)));
  }
  Program program;
  if (!settings.filter.empty()) {
    if (pcap_compile(handle, &program.code, settings.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) !=
        0) {
      return fail(ExitCode::BadInput, fmt::format("the capture filter \"{}\" is wrong: {}",
                                                  settings.filter, pcap_geterr(handle)));
    }
    program.is_made = true;
    if (pcap_setfilter(handle, &program.code) != 0) {
      return fail(ExitCode::Device,
                  fmt::format("cannot filter on {}: {}", settings.device, pcap_geterr(handle)));
    }
  }
  watch->fd_ = pcap_get_selectable_fd(handle);
  watch->link_type_ = pcap_datalink(handle);
  if (watch->fd_ < 0) {
    return fail(ExitCode::Device,
                fmt::format("captures on {} cannot be waited for", settings.device));
  }
  return watch;
}

PcapWatch::~PcapWatch() { pcap_close(handle_); }

std::uint32_t PcapWatch::network_offset() const noexcept {
  switch (link_type_) {
    case DLT_EN10MB: return 14;
    case DLT_LINUX_SLL: return 16;
    case DLT_LINUX_SLL2: return 20;
    case DLT_NULL:
    case DLT_LOOP: return 4;
    default: return 0;  // DLT_RAW and its like.
  }
}

PcapWatch::Step PcapWatch::next(Packet& packet) {
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  const int got = pcap_next_ex(handle_, &header, &bytes);
  if (got == 0) return Step::None;
  if (got != 1) return Step::Failed;
  packet.bytes = {reinterpret_cast<const char*>(bytes), header->caplen};
  packet.details = {
      .captured = std::chrono::system_clock::time_point{std::chrono::seconds{header->ts.tv_sec} +
                                                        Wait{header->ts.tv_usec}},
      .wire_length = header->len,
      .link_type = link_type_,
      .network_offset = network_offset()};
  return Step::Packet;
}

}  // namespace trawl::service
