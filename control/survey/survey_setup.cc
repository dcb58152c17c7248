#include "control/survey/survey_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/survey/scan_order.h"
#include "dataplane/eal.h"

namespace trawl::control {
namespace {

using dataplane::KernelInterface;
using dataplane::LinkKind;
using dataplane::LinkSpec;
using dataplane::Neighbours;

// RFC 2544 appendix C: addresses for benchmarks, used on links that have none of their own and that
// reach no network: memif, ring, null, pcap.
constexpr Ipv4Address kVirtualSource{0xc6120001};   // 198.18.0.1
constexpr Ipv4Address kVirtualGateway{0xc6120002};  // 198.18.0.2
// Locally administered: where a sink's frames go matters to nobody.
constexpr MacAddress kSinkMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 0x02}};

using Addresses = std::vector<Ipv4Address>;

// The addresses of a kernel interface, "192.0.2.10/24, 10.0.0.1/8".
std::string known_addresses(const KernelInterface& kernel) {
  std::string known;
  for (const auto& [address, prefix] : kernel.addresses) {
    known +=
        fmt::format("{}{}/{}", known.empty() ? "" : ", ", address.to_string(), prefix.length());
  }
  return known;
}

Result<Addresses> choose_addresses(const SurveyOptions& options, const LinkSpec& link,
                                   const KernelInterface& kernel) {
  const Addresses& given = options.source_ips;
  if (link.kernel_interface.empty()) {
    if (!given.empty()) return given;
    if (link.kind == LinkKind::Vdev) return Addresses{kVirtualSource};
    return fail(ExitCode::Usage, fmt::format("--link {} has no address the system knows of; give "
                                             "--source-ip and --gateway",
                                             link.text));
  }
  if (options.vlan.tagged() && given.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--vlan {}: the addresses of {} are not those of the VLAN; give "
                            "--source-ip and --gateway",
                            options.vlan.id(), link.kernel_interface));
  }
  if (kernel.addresses.empty() && given.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--link {0} has no IPv4 address; give it one ('ip address add ... dev "
                            "{0}') or give --source-ip",
                            link.kernel_interface));
  }
  if (given.empty()) return Addresses{kernel.addresses.front().address};
  if (kernel.addresses.empty()) return given;
  for (const Ipv4Address address : given) {
    const bool on_link = std::ranges::any_of(
        kernel.addresses, [address](const auto& own) { return own.prefix.contains(address); });
    if (on_link) continue;
    return fail(ExitCode::Usage,
                fmt::format("--source-ip {} is not on {} ({}), so replies would not come back; "
                            "give addresses of the link or leave the option out",
                            address.to_string(), link.kernel_interface, known_addresses(kernel)));
  }
  return given;
}

bool all_on_link(const RankedSet<Ipv4Address>& targets, const std::vector<Ipv4Prefix>& on_link) {
  Ipv4Set outside;
  outside.add(Ipv4Prefix{Ipv4Address{0}, 0});
  Ipv4Set inside;
  for (const Ipv4Prefix& prefix : on_link) inside.add(prefix);
  outside.subtract(inside);
  return std::none_of(outside.intervals().begin(), outside.intervals().end(),
                      [&](const auto& range) { return targets.intersects(range); });
}

// Several polling threads on one CPU must let each other run; so must one that shares its only CPU
// with the control thread.
bool cpus_are_shared(std::vector<unsigned> cpus, std::size_t allowed) {
  std::sort(cpus.begin(), cpus.end());
  return allowed == 1 || std::adjacent_find(cpus.begin(), cpus.end()) != cpus.end();
}

}  // namespace

Result<SourceChoice> choose_source(const SurveyOptions& options, const LinkSpec& link,
                                   const KernelInterface& kernel,
                                   const RankedSet<Ipv4Address>& targets) {
  const auto sources = choose_addresses(options, link, kernel);
  if (!sources) return Failure{sources.error()};
  SourceChoice choice{.sources = *sources, .neighbours = {}};
  Neighbours::Config& config = choice.neighbours;
  for (const auto& [address, prefix] : kernel.addresses) {
    if (prefix.length() < Ipv4Address::kBits &&
        targets.intersects({prefix.first(), prefix.last()})) {
      config.on_link.push_back(prefix);
    }
  }
  config.gateway = options.gateway;
  config.gateway_mac = options.gateway_mac;
  config.gateway_mac_stands = options.gateway_mac.has_value();
  if (config.gateway || config.gateway_mac) return choice;
  // A gateway that no target needs must not be waited for.
  const bool needed = !all_on_link(targets, config.on_link);
  if (!needed) return choice;
  if (link.is_sink()) {
    config.gateway_mac = kSinkMac;
  } else if (kernel.gateway) {
    config.gateway = kernel.gateway;
    config.gateway_mac = kernel.gateway_mac;
  } else if (link.kernel_interface.empty() && link.kind == LinkKind::Vdev) {
    config.gateway = kVirtualGateway;
  } else {
    return fail(ExitCode::Usage,
                fmt::format("--link {} has no gateway and not every target is on the link; give "
                            "--gateway ADDRESS or --gateway-mac MAC",
                            link.text));
  }
  return choice;
}

Result<std::vector<unsigned>> choose_cpus(const SurveyOptions& options,
                                          const std::vector<unsigned>& allowed) {
  if (options.lcores.empty()) return std::vector<unsigned>{allowed.front()};
  std::string list;
  for (const unsigned cpu : allowed) list += fmt::format("{}{}", list.empty() ? "" : ",", cpu);
  for (const unsigned cpu : options.lcores) {
    if (std::find(allowed.begin(), allowed.end(), cpu) != allowed.end()) continue;
    return fail(
        ExitCode::Usage,
        fmt::format("--lcores: CPU {} is not among those this process may run on ({})", cpu, list));
  }
  return options.lcores;
}

SweepPlanner::Config plan_sweeps(const SurveyOptions& options, SurveyPlan& plan, Uint128 seed) {
  const std::uint64_t targets = plan.size();
  const std::uint64_t most = options.max_targets ? options.max_targets->of(targets) : targets;
  const auto [first, last] = shard_of(most, options.shard);
  return {.space = std::make_shared<const dataplane::TargetSpace>(std::move(plan.addresses),
                                                                  std::move(plan.ports)),
          .order = scan_order(targets, seed),
          .seed = seed,
          .first = first,
          .last = last,
          .probes = options.probes,
          .retries = options.retries};
}

ByteCount mean_frame_size(const SurveyOptions& options, const SurveyPlan& plan) {
  const ByteCount untagged =
      dataplane::ProbeTemplate::frame_size(options.probe, plan.payloads.get(), plan.ports);
  return untagged + ByteCount{options.vlan.tag_size()};
}

Result<PreparedSurvey> prepare_survey(const SurveyOptions& options, SurveyPlan plan, Uint128 seed) {
  using dataplane::Link;
  using dataplane::ProbeTemplate;
  const auto spec = LinkSpec::parse(options.link);
  if (!spec) return Failure{spec.error()};
  const std::vector<unsigned> allowed = dataplane::allowed_cpus();
  const auto cpus = choose_cpus(options, allowed);
  if (!cpus) return Failure{cpus.error()};
  // What the kernel knows is of the untagged network.
  const bool ask_kernel = !spec->kernel_interface.empty() && !options.vlan.tagged();
  const auto kernel =
      ask_kernel ? KernelInterface::look_up(spec->kernel_interface) : KernelInterface{};
  if (auto usable = dataplane::Link::check(*spec); !usable) return Failure{usable.error()};
  const auto choice = choose_source(options, *spec, kernel, plan.addresses);
  if (!choice) return Failure{choice.error()};
  if (kernel.has_default_route && !options.quiet) {
    log_warning(
        "{} carries the default route; while the survey runs, other traffic on it may stall",
        spec->kernel_interface);
  }
  const bool receive = !spec->is_sink();
  const auto threads = static_cast<unsigned>(cpus->size());
  const std::uint16_t senders = dataplane::senders_for(threads, receive);
  const ByteCount memory = Link::memory_for(Link::queues_for(*spec, senders));
  if (auto started =
          dataplane::Eal::start({.polling_cpus = *cpus, .link = *spec, .memory = memory});
      !started) {
    return Failure{started.error()};
  }
  PreparedSurvey survey;
  auto link = Link::open(*spec, {.senders = senders});
  if (!link) return Failure{link.error()};
  survey.link = std::move(*link);
  auto neighbours = Neighbours::make(choice->neighbours);
  if (!neighbours) return Failure{neighbours.error()};
  const ByteCount frame = mean_frame_size(options, plan);
  survey.planner = std::make_unique<SweepPlanner>(plan_sweeps(options, plan, seed));
  const dataplane::PortRange ports{options.source_ports.first, options.source_ports.last};
  const MacAddress mac = survey.link->mac();
  const dataplane::SourceAddresses sources{choice->sources};
  const Ipv4Address stamped_source = sources.several() ? Ipv4Address{} : sources.first();
  dataplane::ScanPlan scan{
      .cookies = {scan_key(seed), sources, ports, options.probe},
      .probe = {options.probe, {mac, stamped_source, options.vlan, options.ttl}, plan.payloads},
      .parser = {sources, ports, options.probe, plan.payloads, options.vlan},
      .guard = dataplane::SwappableGuard{dataplane::EgressGuard{plan.blocked}},
      .neighbours = std::move(*neighbours),
      .clock = TscClock::calibrate(),
      .mac = mac,
      .source = sources.first(),
      .vlan = options.vlan,
      .rate = options.rate.for_frame(frame),
      .max_runtime = options.max_runtime,
      .receive = receive,
      .shares_cpu = cpus_are_shared(*cpus, allowed.size())};
  auto scanner = dataplane::Scanner::make(std::move(scan), *survey.link, threads);
  if (!scanner) return Failure{scanner.error()};
  survey.scanner = std::move(*scanner);
  return survey;
}

}  // namespace trawl::control
