#include "control/audit/engine/probe_set.h"

#include <utility>

#include "dataplane/wire.h"

namespace trawl::control {

using dataplane::wire::kAck;
using dataplane::wire::kFin;
using dataplane::wire::kSyn;

namespace {
constexpr std::uint8_t kPsh = 0x08;
constexpr std::uint8_t kUrg = 0x20;
constexpr std::size_t kNumbers = 65536;
constexpr std::size_t kFew = 32;  // Ports, which are looked through one by one.
}  // namespace

ProbeSet::ProbeSet(ScanType type, std::vector<ProbeSpec> specs)
    : type_{type}, specs_{std::move(specs)} {
  if (type == ScanType::Discovery || type == ScanType::Neighbour || type == ScanType::Trace) return;
  is_scan_ = true;
  if (specs_.size() <= kFew) return;
  by_number_.assign(kNumbers, -1);
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    by_number_[specs_[i].number] = static_cast<std::int32_t>(i);
  }
}

int ProbeSet::find(ProbeKind kind, std::uint16_t number) const noexcept {
  if (!by_number_.empty()) {
    const int index = by_number_[number];
    return index >= 0 && specs_[static_cast<std::size_t>(index)].kind == kind ? index : -1;
  }
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].kind == kind && specs_[i].number == number) return static_cast<int>(i);
  }
  return -1;
}

int ProbeSet::find_tcp(std::uint16_t number, std::uint8_t flags) const noexcept {
  if (is_scan_) return find(ProbeKind::Tcp, number);
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const ProbeSpec& spec = specs_[i];
    if (spec.kind == ProbeKind::Tcp && spec.number == number && spec.flags == flags) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::uint8_t flags_of(ScanType type) noexcept {
  switch (type) {
    case ScanType::Ack:
    case ScanType::Window: return kAck;
    case ScanType::Maimon: return kFin | kAck;
    case ScanType::Null: return 0;
    case ScanType::Fin: return kFin;
    case ScanType::Xmas: return kFin | kPsh | kUrg;
    default: return kSyn;
  }
}

ProbeKind kind_of(ScanType type) noexcept {
  switch (type) {
    case ScanType::Connect: return ProbeKind::Connect;
    case ScanType::Bounce: return ProbeKind::Bounce;
    case ScanType::Udp: return ProbeKind::Udp;
    case ScanType::SctpInit: return ProbeKind::SctpInit;
    case ScanType::SctpCookie: return ProbeKind::SctpCookie;
    case ScanType::IpProtocol: return ProbeKind::IpProtocol;
    case ScanType::Neighbour: return ProbeKind::Neighbour;
    default: return ProbeKind::Tcp;
  }
}

PortProtocol protocol_of(ScanType type) noexcept {
  switch (type) {
    case ScanType::Udp: return PortProtocol::Udp;
    case ScanType::SctpInit:
    case ScanType::SctpCookie: return PortProtocol::Sctp;
    case ScanType::IpProtocol: return PortProtocol::Ip;
    default: return PortProtocol::Tcp;
  }
}

PortState silent_state(ScanType type) noexcept {
  switch (type) {
    case ScanType::Maimon:
    case ScanType::Null:
    case ScanType::Fin:
    case ScanType::Xmas:
    case ScanType::Udp:
    case ScanType::SctpCookie:
    case ScanType::IpProtocol: return PortState::OpenFiltered;
    case ScanType::Idle: return PortState::ClosedFiltered;
    default: return PortState::Filtered;
  }
}

std::string_view xml_name_of(ScanType type) noexcept {
  switch (type) {
    case ScanType::Connect: return "connect";
    case ScanType::Bounce: return "bounce";
    case ScanType::Ack: return "ack";
    case ScanType::Window: return "window";
    case ScanType::Maimon: return "maimon";
    case ScanType::Null: return "null";
    case ScanType::Fin: return "fin";
    case ScanType::Xmas: return "xmas";
    case ScanType::Udp: return "udp";
    case ScanType::SctpInit: return "sctpinit";
    case ScanType::SctpCookie: return "sctpcookieecho";
    case ScanType::IpProtocol: return "ipproto";
    case ScanType::Idle: return "idle";
    default: return "syn";
  }
}

}  // namespace trawl::control
