#include "control/survey/tap_setup.h"

#include <fmt/format.h>

#include <string>

#include "base/cpus.h"

namespace trawl::control {
namespace {

using dataplane::KernelInterface;
using dataplane::KernelTap;
using dataplane::LinkKind;
using dataplane::LinkSpec;

Failure useless(std::string why) {
  return fail(ExitCode::Usage, fmt::format("--tap: {}", std::move(why)));
}

}  // namespace

Result<void> check_tap(const SurveyOptions& options, const LinkSpec& link,
                       const KernelInterface& kernel) {
  if (options.tap.empty()) return {};
  const std::string& interface = link.kernel_interface;
  if (link.kind == LinkKind::KernelInterface) {
    return useless(
        fmt::format("{} is an interface of the system, whose own traffic goes on beside the "
                    "survey; leave the option out",
                    interface));
  }
  if (link.is_sink()) {
    return useless(fmt::format("nothing answers on {}; leave the option out", link.text));
  }
  if (interface.empty() || link.kind == LinkKind::Pci) return {};
  if (link.driver() != "net_af_xdp") {
    return useless(
        fmt::format("with {} the system gets all frames of {} itself; leave the option out, or "
                    "give --link net_af_xdp0,iface={}",
                    link.driver(), interface, interface));
  }
  if (kernel.addresses.empty() && kernel.addresses6.empty()) return {};
  return useless(
      fmt::format("the system has addresses on {0} already; leave the option out and give --link "
                  "{0}, or take them off ('ip address flush dev {0}')",
                  interface));
}

template <typename Address>
Result<std::unique_ptr<KernelTap>> make_tap(const SurveyOptions& options,
                                            const AddressList& blocked, const dataplane::Link& link,
                                            const dataplane::ScanTraffic& traffic,
                                            const BasicSourceChoice<Address>& choice,
                                            const std::vector<unsigned>& polling) {
  if (options.tap.empty()) return nullptr;
  KernelTap::Config config{.tap = {.name = options.tap,
                                   .mac = link.mac(),
                                   .mtu = link.mtu(),
                                   .addresses = traffic.sources,
                                   .gateway = std::nullopt,
                                   .gateway_mac = std::nullopt},
                           .traffic = traffic,
                           .cpus = cpus_beside(polling)};
  const auto& neighbours = choice.neighbours;
  if (neighbours.gateway) config.tap.gateway = IpAddress{*neighbours.gateway};
  if (neighbours.gateway_mac_stands) config.tap.gateway_mac = neighbours.gateway_mac;
  return KernelTap::make(config, blocked.v4, blocked.v6);
}

template Result<std::unique_ptr<KernelTap>> make_tap(const SurveyOptions&, const AddressList&,
                                                     const dataplane::Link&,
                                                     const dataplane::ScanTraffic&,
                                                     const BasicSourceChoice<Ipv4Address>&,
                                                     const std::vector<unsigned>&);
template Result<std::unique_ptr<KernelTap>> make_tap(const SurveyOptions&, const AddressList&,
                                                     const dataplane::Link&,
                                                     const dataplane::ScanTraffic&,
                                                     const BasicSourceChoice<Ipv6Address>&,
                                                     const std::vector<unsigned>&);

}  // namespace trawl::control
