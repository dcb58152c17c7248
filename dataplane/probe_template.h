#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
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
class ProbeTemplate {
 public:
  // Needs `payloads` for UDP alone.
  ProbeTemplate(ProbeKind kind, const ProbeSource& source,
                std::shared_ptr<const UdpPayloads> payloads = nullptr);
  // TCP SYNs.
  ProbeTemplate(MacAddress mac, Ipv4Address address)
      : ProbeTemplate{ProbeKind::TcpSyn, ProbeSource{mac, address}} {}

  // The size of an untagged frame of this kind; for UDP the mean over `ports`, and `payloads` is
  // needed.
  [[nodiscard]] static ByteCount frame_size(ProbeKind kind, const UdpPayloads* payloads = nullptr,
                                            std::span<const std::uint16_t> ports = {}) noexcept;

  // The first eight bytes of every frame to `next_hop`, as one store.
  [[nodiscard]] std::uint64_t frame_head(MacAddress next_hop) const noexcept;

  // Gives a frame the source address it goes out from. Needs one just written by a template whose
  // ProbeSource has the address 0.0.0.0.
  void set_source(std::byte* frame, Ipv4Address source) const noexcept;

  // Calls `visitor` with the template of this kind: see TcpSynTemplate for what they all offer,
  // and UdpTemplate for the exception.
  template <typename Visitor>
  void visit(Visitor&& visitor) const {
    std::visit(std::forward<Visitor>(visitor), of_kind_);
  }

 private:
  using OfKind = std::variant<TcpSynTemplate, TcpAckTemplate, IcmpEchoTemplate,
                              IcmpTimestampTemplate, UdpTemplate>;

  static OfKind make(ProbeKind kind, const ProbeSource& source,
                     std::shared_ptr<const UdpPayloads> payloads);

  MacAddress mac_;
  std::size_t ip_;  // Where the IPv4 header begins.
  Protocol protocol_;
  OfKind of_kind_;
};

}  // namespace trawl::dataplane
