#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/mac.h"
#include "base/units.h"
#include "dataplane/icmp_template.h"
#include "dataplane/probe_kind.h"
#include "dataplane/probe_stamp.h"
#include "dataplane/tcp_template.h"
#include "dataplane/udp_template.h"

namespace trawl::dataplane {

// The template of a survey's probes, of whichever kind they are.
//
// The kind is looked at once a burst: visit() hands a sending loop the one template, and the loop
// over the burst is compiled for each kind.
//
// Thread: immutable once made. Cost: bench/dataplane/probe_template_bench.cc.
template <typename Address>
class BasicProbeTemplate {
 public:
  // Needs `payloads` for UDP alone, and IPv4 for ICMP timestamps.
  BasicProbeTemplate(ProbeKind kind, const BasicProbeSource<Address>& source,
                     std::shared_ptr<const UdpPayloads> payloads = nullptr);
  // TCP SYNs.
  BasicProbeTemplate(MacAddress mac, Address address)
      : BasicProbeTemplate{ProbeKind::TcpSyn, BasicProbeSource<Address>{mac, address}} {}

  // The size of an untagged frame of this kind, `syn_options` counting for TCP SYNs; for UDP the
  // mean over `ports`, and `payloads` is needed.
  [[nodiscard]] static ByteCount frame_size(ProbeKind kind,
                                            SynOptions syn_options = SynOptions::Linux,
                                            const UdpPayloads* payloads = nullptr,
                                            std::span<const std::uint16_t> ports = {}) noexcept;

  // The first eight bytes of every frame to `next_hop`, as one store.
  [[nodiscard]] std::uint64_t frame_head(MacAddress next_hop) const noexcept;

  // Gives a frame the source address it goes out from. Needs one just written by a template whose
  // ProbeSource has no address.
  void set_source(std::byte* frame, Address source) const noexcept;

  // Calls `visitor` with the template of this kind: see TcpSynTemplate for what they all offer,
  // and UdpTemplate for the exception.
  template <typename Visitor>
  void visit(Visitor&& visitor) const {
    std::visit(std::forward<Visitor>(visitor), of_kind_);
  }

 private:
  static constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;

  using LinuxSyn = BasicTcpSynTemplate<Address, SynOptions::Linux>;
  using MssSyn = BasicTcpSynTemplate<Address, SynOptions::Mss>;
  template <typename... Templates>
  using Variant =
      std::variant<LinuxSyn, MssSyn, BasicTcpAckTemplate<Address>, BasicIcmpEchoTemplate<Address>,
                   BasicUdpTemplate<Address>, Templates...>;
  using OfKind = std::conditional_t<kIsV4, Variant<IcmpTimestampTemplate>, Variant<>>;

  static OfKind make(ProbeKind kind, const BasicProbeSource<Address>& source,
                     std::shared_ptr<const UdpPayloads> payloads);

  MacAddress mac_;
  std::size_t ip_;  // Where the IP header begins.
  Protocol protocol_;
  OfKind of_kind_;
};

using ProbeTemplate = BasicProbeTemplate<Ipv4Address>;
using ProbeTemplate6 = BasicProbeTemplate<Ipv6Address>;
extern template class BasicProbeTemplate<Ipv4Address>;
extern template class BasicProbeTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
