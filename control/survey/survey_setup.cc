#include "control/survey/survey_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "control/survey/scan_order.h"
#include "control/survey/tap_setup.h"
#include "dataplane/eal.h"

namespace trawl::control {
namespace {

using dataplane::KernelInterface;
using dataplane::LinkKind;
using dataplane::LinkSpec;
using dataplane::Neighbours;
using dataplane::Neighbours6;

// What the setup has to know of a family.
template <typename Address>
struct Family;

template <>
struct Family<Ipv4Address> {
  using Assigned = KernelInterface::Assigned;
  static constexpr std::string_view kName = "IPv4";
  // RFC 2544 appendix C: addresses for benchmarks, used on links that have none of their own and
  // that reach no network: memif, ring, null, pcap.
  static constexpr Ipv4Address kVirtualSource{0xc6120001};   // 198.18.0.1
  static constexpr Ipv4Address kVirtualGateway{0xc6120002};  // 198.18.0.2

  static const std::vector<Assigned>& addresses(const KernelInterface& kernel) {
    return kernel.addresses;
  }
  static std::optional<Ipv4Address> gateway(const KernelInterface& kernel) {
    return kernel.gateway;
  }
  static std::optional<MacAddress> gateway_mac(const KernelInterface& kernel) {
    return kernel.gateway_mac;
  }
  // Of all that the kernel lists the first is its primary address.
  static Ipv4Address source(const KernelInterface& kernel, const RankedSet<Ipv4Address>&) {
    return kernel.addresses.front().address;
  }
  static Ipv4Address of(const IpAddress& address) { return address.v4(); }
  static const RankedSet<Ipv4Address>& of(const RankedAddresses& set) { return *set.v4(); }
};

template <>
struct Family<Ipv6Address> {
  using Assigned = KernelInterface::Assigned6;
  static constexpr std::string_view kName = "IPv6";
  // RFC 3849: addresses for documentation, where the simulated network is too.
  static constexpr Uint128 kDocumentation = Uint128{0x20010db8} << 96U;
  static constexpr Ipv6Address kVirtualSource{kDocumentation + 1};   // 2001:db8::1
  static constexpr Ipv6Address kVirtualGateway{kDocumentation + 2};  // 2001:db8::2

  static const std::vector<Assigned>& addresses(const KernelInterface& kernel) {
    return kernel.addresses6;
  }
  static std::optional<Ipv6Address> gateway(const KernelInterface& kernel) {
    return kernel.gateway6;
  }
  // Neighbour discovery tells it.
  static std::optional<MacAddress> gateway_mac(const KernelInterface&) { return std::nullopt; }
  static Ipv6Address source(const KernelInterface& kernel, const RankedSet<Ipv6Address>& targets) {
    return kernel.source_for(targets);
  }
  static Ipv6Address of(const IpAddress& address) { return address.v6(); }
  static const RankedSet<Ipv6Address>& of(const RankedAddresses& set) { return *set.v6(); }
};

// Locally administered: where a sink's frames go matters to nobody.
constexpr MacAddress kSinkMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 0x02}};

// The addresses of a kernel interface, "192.0.2.10/24, 10.0.0.1/8".
template <typename Address>
std::string known_addresses(const KernelInterface& kernel) {
  std::string known;
  for (const auto& own : Family<Address>::addresses(kernel)) {
    known += fmt::format("{}{}/{}", known.empty() ? "" : ", ", own.address.to_string(),
                         own.prefix.length());
  }
  return known;
}

template <typename Address>
Result<std::vector<Address>> choose_addresses(const SurveyOptions& options, const LinkSpec& link,
                                              const KernelInterface& kernel,
                                              const RankedSet<Address>& targets) {
  using Addresses = std::vector<Address>;
  Addresses given;
  for (const IpAddress& address : options.source_ips) given.push_back(Family<Address>::of(address));
  if (link.kernel_interface.empty()) {
    if (!given.empty()) return given;
    if (link.kind == LinkKind::Vdev) return Addresses{Family<Address>::kVirtualSource};
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
  const auto& own = Family<Address>::addresses(kernel);
  if (own.empty() && given.empty()) {
    return fail(ExitCode::Usage,
                fmt::format("--link {0} has no {1} address; give it one ('ip address add ... dev "
                            "{0}') or give --source-ip",
                            link.kernel_interface, Family<Address>::kName));
  }
  if (given.empty()) return Addresses{Family<Address>::source(kernel, targets)};
  if (own.empty()) return given;
  for (const Address address : given) {
    const bool on_link = std::ranges::any_of(
        own, [address](const auto& assigned) { return assigned.prefix.contains(address); });
    if (on_link) continue;
    return fail(
        ExitCode::Usage,
        fmt::format("--source-ip {} is not on {} ({}), so replies would not come back; "
                    "give addresses of the link or leave the option out",
                    address.to_string(), link.kernel_interface, known_addresses<Address>(kernel)));
  }
  return given;
}

template <typename Address>
bool all_inside(const RankedSet<Address>& targets, const IntervalSet<Address>& inside) {
  IntervalSet<Address> outside;
  outside.add(Prefix<Address>{Address{0}, 0});
  outside.subtract(inside);
  return std::none_of(outside.intervals().begin(), outside.intervals().end(),
                      [&](const auto& range) { return targets.intersects(range); });
}

// Notes what of the targets is on the link; returns all that is.
Result<Ipv4Set> note_on_link(const KernelInterface& kernel, const RankedSet<Ipv4Address>& targets,
                             Neighbours::Config& config) {
  Ipv4Set inside;
  for (const auto& [address, prefix] : kernel.addresses) {
    if (prefix.length() == Ipv4Address::kBits) continue;
    if (!targets.intersects({prefix.first(), prefix.last()})) continue;
    config.on_link.push_back(prefix);
    inside.add(prefix);
  }
  return inside;
}

Result<Ipv6Set> note_on_link(const KernelInterface& kernel, const RankedSet<Ipv6Address>& targets,
                             Neighbours6::Config& config) {
  constexpr std::uint64_t kMost = dataplane::OnLink<Ipv6Address>::kMostTargets;
  Ipv6Set inside;
  Ipv6Set near;
  for (const auto& own : kernel.addresses6) {
    const Ipv6Prefix& prefix = own.prefix;
    if (prefix.length() == Ipv6Address::kBits) continue;
    inside.add(prefix);
    for (const auto& range : targets.intersection({prefix.first(), prefix.last()})) near.add(range);
  }
  if (near.empty()) return inside;
  if (near.size() > kMost) {
    return fail(ExitCode::Usage,
                fmt::format("{} targets are neighbours on the link, more than {} that can be asked "
                            "for one by one; name longer prefixes",
                            static_cast<std::uint64_t>(near.size()), kMost));
  }
  config.on_link.push_back(std::move(near));
  return inside;
}

template <typename Address>
Result<BasicSourceChoice<Address>> choose(const SurveyOptions& options, const LinkSpec& link,
                                          const KernelInterface& kernel,
                                          const RankedSet<Address>& targets) {
  const auto sources = choose_addresses<Address>(options, link, kernel, targets);
  if (!sources) return Failure{sources.error()};
  BasicSourceChoice<Address> choice{.sources = *sources, .neighbours = {}};
  auto& config = choice.neighbours;
  const auto on_link = note_on_link(kernel, targets, config);
  if (!on_link) return Failure{on_link.error()};
  if (options.gateway) config.gateway = Family<Address>::of(*options.gateway);
  config.gateway_mac = options.gateway_mac;
  config.gateway_mac_stands = options.gateway_mac.has_value();
  if (config.gateway || config.gateway_mac) return choice;
  // A gateway that no target needs must not be waited for.
  if (all_inside(targets, *on_link)) return choice;
  if (link.is_sink()) {
    config.gateway_mac = kSinkMac;
  } else if (const auto gateway = Family<Address>::gateway(kernel)) {
    config.gateway = gateway;
    config.gateway_mac = Family<Address>::gateway_mac(kernel);
  } else if (link.kernel_interface.empty() && link.kind == LinkKind::Vdev) {
    config.gateway = Family<Address>::kVirtualGateway;
  } else {
    return fail(ExitCode::Usage,
                fmt::format("--link {} has no gateway and not every target is on the link; give "
                            "--gateway ADDRESS or --gateway-mac MAC",
                            link.text));
  }
  return choice;
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
  return choose(options, link, kernel, targets);
}

Result<SourceChoice6> choose_source(const SurveyOptions& options, const LinkSpec& link,
                                    const KernelInterface& kernel,
                                    const RankedSet<Ipv6Address>& targets) {
  return choose(options, link, kernel, targets);
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

Result<ByteCount> memory_for_verdicts(const SurveyOptions& options,
                                      const RankedAddresses& targets) {
  if (!options.network_rate) return options.memory;
  const ByteCount budget = targets.is_v4() ? dataplane::NetworkBudget::memory_for(*targets.v4())
                                           : dataplane::NetworkBudget6::memory_for(*targets.v6());
  if (budget < options.memory) return ByteCount{options.memory.count() - budget.count()};
  return fail(ExitCode::Usage,
              fmt::format("--memory {}: --per-network-rate alone needs {} bytes for these targets; "
                          "give more",
                          options.memory.count(), budget.count()));
}

ByteCount mean_frame_size(const SurveyOptions& options, const SurveyPlan& plan) {
  const auto* const payloads = plan.payloads.get();
  const ByteCount untagged = plan.addresses.is_v4()
                                 ? dataplane::ProbeTemplate::frame_size(
                                       options.probe, options.syn_options, payloads, plan.ports)
                                 : dataplane::ProbeTemplate6::frame_size(
                                       options.probe, options.syn_options, payloads, plan.ports);
  return untagged + ByteCount{options.vlan.tag_size()};
}

namespace {

// What the devices have to be opened for, worked out before any of them is.
struct Circumstances {
  LinkSpec link;
  KernelInterface kernel;
  std::vector<unsigned> cpus;
  bool shares_cpu = false;
};

Result<Circumstances> look_around(const SurveyOptions& options) {
  auto spec = LinkSpec::parse(options.link);
  if (!spec) return Failure{spec.error()};
  const std::vector<unsigned> allowed = dataplane::allowed_cpus();
  auto cpus = choose_cpus(options, allowed);
  if (!cpus) return Failure{cpus.error()};
  // What the kernel knows is of the untagged network.
  const bool ask_kernel = !spec->kernel_interface.empty() && !options.vlan.tagged();
  auto kernel = ask_kernel ? KernelInterface::look_up(spec->kernel_interface) : KernelInterface{};
  if (auto usable = dataplane::Link::check(*spec); !usable) return Failure{usable.error()};
  if (auto useful = check_tap(options, *spec, kernel); !useful) return Failure{useful.error()};
  const bool shared = cpus_are_shared(*cpus, allowed.size());
  return Circumstances{std::move(*spec), std::move(kernel), std::move(*cpus), shared};
}

// Of several addresses each probe gets its own as it is sent.
template <typename Address>
dataplane::BasicProbeSource<Address> probe_source(const SurveyOptions& options,
                                                  const std::vector<Address>& chosen,
                                                  const dataplane::Link& link) {
  return {link.mac(),          chosen.size() > 1 ? Address{} : chosen.front(),
          options.vlan,        options.ttl,
          options.syn_options, link.mtu()};
}

template <typename Address>
dataplane::BasicScanPlan<Address> scan_plan(const SurveyOptions& options, const SurveyPlan& plan,
                                            const std::vector<Address>& chosen,
                                            const dataplane::Link& link, Uint128 seed,
                                            dataplane::BasicNeighbours<Address> neighbours) {
  using Guard = dataplane::BasicSwappableGuard<Address>;
  const dataplane::PortRange ports{options.source_ports.first, options.source_ports.last};
  const dataplane::BasicSourceAddresses<Address> sources{chosen};
  const auto& blocked = [&plan]() -> const auto& {
    if constexpr (std::is_same_v<Address, Ipv4Address>) {
      return plan.blocked.v4;
    } else {
      return plan.blocked.v6;
    }
  }
  ();
  return {.cookies = {scan_key(seed), sources, ports, options.probe},
          .probe = {options.probe, probe_source(options, chosen, link), plan.payloads},
          .parser = {sources, ports, options.probe, plan.payloads, options.vlan},
          .guard = Guard{typename Guard::Guard{blocked}},
          .neighbours = std::move(neighbours),
          .clock = TscClock::calibrate(),
          .mac = link.mac(),
          .source = sources.first(),
          .vlan = options.vlan,
          .rate = options.rate.for_frame(mean_frame_size(options, plan)),
          .max_runtime = options.max_runtime};
}

template <typename Address>
dataplane::ScanTraffic traffic_of(const SurveyOptions& options,
                                  const std::vector<Address>& sources) {
  dataplane::PortRange ports{options.source_ports.first, options.source_ports.last};
  std::optional<dataplane::PortRange> echoes;
  if (options.os.is_wanted) {
    const std::uint16_t first = first_os_port(options);
    echoes = dataplane::PortRange{first, static_cast<std::uint16_t>(first + kOsPorts - 1)};
    ports = {std::min(ports.first, echoes->first), std::max(ports.last, echoes->last)};
  }
  return {.kind = options.probe,
          .ports = ports,
          .echoes = echoes,
          .vlan = options.vlan,
          .sources = {sources.begin(), sources.end()}};
}

template <typename Address>
Result<PreparedSurvey> prepare(const SurveyOptions& options, SurveyPlan plan, Uint128 seed,
                               const Circumstances& around,
                               const BasicSourceChoice<Address>& choice,
                               std::shared_ptr<dataplane::RawExchange> raw) {
  using dataplane::Link;
  const bool receive = !around.link.is_sink();
  if (raw && !receive) {
    return fail(ExitCode::Usage,
                fmt::format("--os waits for answers, and nothing answers on --link {}; leave it "
                            "out, or name another link",
                            around.link.text));
  }
  const auto threads = static_cast<unsigned>(around.cpus.size());
  const std::uint16_t senders = dataplane::senders_for(threads, receive);
  const ByteCount memory = Link::memory_for(Link::queues_for(around.link, senders));
  if (auto started = dataplane::Eal::start(
          {.polling_cpus = around.cpus, .link = around.link, .memory = memory});
      !started) {
    return Failure{started.error()};
  }
  PreparedSurvey survey;
  const dataplane::ScanTraffic traffic = traffic_of(options, choice.sources);
  const bool has_tap = !options.tap.empty();
  auto link = Link::open(around.link, {.senders = senders,
                                       .scan = has_tap ? std::nullopt : std::optional{traffic},
                                       .exclusive = has_tap});
  if (!link) return Failure{link.error()};
  survey.link = std::move(*link);
  // Neighbours that look for us ask a group.
  if (!plan.addresses.is_v4()) survey.link->receive_groups();
  auto neighbours = dataplane::BasicNeighbours<Address>::make(choice.neighbours);
  if (!neighbours) return Failure{neighbours.error()};
  auto tap = make_tap(options, plan.blocked, *survey.link, traffic, choice, around.cpus);
  if (!tap) return Failure{tap.error()};
  survey.tap = std::move(*tap);
  const ByteCount frame = mean_frame_size(options, plan);
  auto scan = scan_plan(options, plan, choice.sources, *survey.link, seed, std::move(*neighbours));
  scan.capture = std::ranges::any_of(options.outputs, holds_frames);
  scan.syn_acks = options.os_hints.is_wanted;
  scan.receive = receive;
  if (receive) scan.conversations = plan.conversations;
  if (receive && options.resets && options.probe == dataplane::ProbeKind::TcpSyn &&
      !plan.conversations) {
    scan.reset.emplace(probe_source(options, choice.sources, *survey.link));
  }
  scan.shares_cpu = around.shares_cpu;
  if (survey.tap) scan.kernel = survey.tap->exchange();
  if (raw) {
    raw->bind(choice.sources.front(), options.vlan);
    scan.raw = std::move(raw);
  }
  survey.planner = std::make_unique<SweepPlanner>(plan_sweeps(options, plan, seed));
  if (options.network_rate) {
    scan.budget = std::make_shared<dataplane::BasicNetworkBudget<Address>>(
        Family<Address>::of(survey.planner->config().space->addresses()),
        options.network_rate->for_frame(frame), scan.clock, TscClock::now());
  }
  auto scanner = dataplane::Scanner::make(std::move(scan), *survey.link, threads);
  if (!scanner) return Failure{scanner.error()};
  survey.scanner = std::move(*scanner);
  return survey;
}

}  // namespace

Result<PreparedSurvey> prepare_survey(const SurveyOptions& options, SurveyPlan plan, Uint128 seed,
                                      std::shared_ptr<dataplane::RawExchange> raw) {
  const auto memory_left = memory_for_verdicts(options, plan.addresses);
  if (!memory_left) return Failure{memory_left.error()};
  const auto around = look_around(options);
  if (!around) return Failure{around.error()};
  const auto go_on = [&](const auto& targets) -> Result<PreparedSurvey> {
    const auto choice = choose_source(options, around->link, around->kernel, targets);
    if (!choice) return Failure{choice.error()};
    auto survey = prepare(options, std::move(plan), seed, *around, *choice, std::move(raw));
    if (survey) survey->memory = *memory_left;
    return survey;
  };
  return plan.addresses.is_v4() ? go_on(*plan.addresses.v4()) : go_on(*plan.addresses.v6());
}

}  // namespace trawl::control
