#include "control/survey/survey_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "base/hash.h"
#include "control/survey/payload_file.h"
#include "control/survey/special_purpose.h"
#include "control/survey/target_spec.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

Result<AddressList> read_named(const std::vector<std::string>& specs, std::string_view option,
                               const std::vector<std::string>& files) {
  AddressList list;
  for (const std::string& spec : specs) {
    if (auto parsed = parse_targets(spec, option, list.v4, list.v6); !parsed) {
      return Failure{parsed.error()};
    }
  }
  for (const std::string& file : files) {
    if (auto parsed = read_target_file(file, list.v4, list.v6); !parsed) {
      return Failure{parsed.error()};
    }
  }
  return list;
}

AddressList special_purpose_list() {
  return {.v4 = special_purpose_addresses(), .v6 = special_purpose_ipv6_addresses()};
}

Failure not_special(std::string_view spec, const std::string& address) {
  return fail(ExitCode::BadInput,
              fmt::format("--allow-special: {} reaches outside special-purpose space (it holds "
                          "{}); name a special-purpose prefix such as 198.18.0.0/15",
                          quote(spec), address));
}

// Addresses that stand for IPv4 hosts, and would pass a blocklist of those.
struct StandIns {
  Ipv6Prefix prefix;
  std::string_view what;
};

std::array<StandIns, 2> stand_ins() {
  constexpr Uint128 kTranslated = Uint128{0x64ff9b} << 96U;
  return {StandIns{Ipv6Prefix{IpAddress{Ipv4Address{0}}.v6(), 96},
                   "IPv4-mapped addresses, which no frame carries"},
          StandIns{Ipv6Prefix{Ipv6Address{kTranslated}, 96},
                   "addresses of 64:ff9b::/96, behind which a NAT64 has IPv4 hosts"}};
}

bool stand_for_ipv4(const Ipv4Prefix&) { return false; }

bool stand_for_ipv4(const Ipv6Prefix& prefix) {
  const auto all = stand_ins();
  return std::any_of(all.begin(), all.end(),
                     [&](const StandIns& one) { return one.prefix.contains(prefix.first()); });
}

Result<void> check_stand_ins(std::string_view spec, const Ipv6Set& allowed) {
  for (const auto& [prefix, what] : stand_ins()) {
    Ipv6Set inside;
    inside.add(prefix);
    inside.intersect(allowed);
    if (inside.empty()) continue;
    return fail(ExitCode::BadInput,
                fmt::format("--allow-special: {} holds {}; name the IPv4 addresses instead",
                            quote(spec), what));
  }
  return {};
}

// Special-purpose space less what --allow-special names.
Result<AddressList> special_less_allowed(const std::vector<std::string>& allow_special) {
  const AddressList special = special_purpose_list();
  AddressList blocked = special;
  for (const std::string& spec : allow_special) {
    AddressList allowed;
    if (auto parsed = parse_targets(spec, "--allow-special", allowed.v4, allowed.v6); !parsed) {
      return Failure{parsed.error()};
    }
    AddressList ordinary = allowed;
    ordinary.v4.subtract(special.v4);
    ordinary.v6.subtract(special.v6);
    if (!ordinary.v4.empty()) {
      return not_special(spec, ordinary.v4.intervals()[0].first.to_string());
    }
    if (!ordinary.v6.empty()) {
      return not_special(spec, ordinary.v6.intervals()[0].first.to_string());
    }
    if (auto own = check_stand_ins(spec, allowed.v6); !own) return Failure{own.error()};
    blocked.v4.subtract(allowed.v4);
    blocked.v6.subtract(allowed.v6);
  }
  return blocked;
}

// Why nothing of `named` is left: which part of the blocklist took how many.
template <typename Address>
Failure nothing_left(const IntervalSet<Address>& named, IntervalSet<Address> by_special,
                     const SurveyOptions& options) {
  by_special.intersect(named);
  const std::uint64_t total = count_of(named);
  const std::uint64_t built_in = count_of(by_special);
  const std::string_view by_lists = options.blocklist_files.empty() && options.opt_out_files.empty()
                                        ? "--exclude or --exclude-file"
                                        : "--exclude, --exclude-file or a blocklist file";
  const std::string all = total == 1 ? "the one address named is excluded"
                                     : fmt::format("all {} addresses named are excluded", total);
  if (built_in == 0) {
    return fail(ExitCode::BadInput,
                fmt::format("{} by {}; name others or exclude less", all, by_lists));
  }
  const std::string others =
      built_in == total ? std::string{} : fmt::format(", {} by {}", total - built_in, by_lists);
  const auto* const block = special_purpose_block_of(by_special.intervals()[0].first);
  const std::string remedy =
      stand_for_ipv4(block->prefix)
          ? std::string{"name the IPv4 addresses instead"}
          : fmt::format("to probe a network of your own there, add --allow-special {}",
                        block->prefix.to_string());
  return fail(
      ExitCode::BadInput,
      fmt::format("{}: {} by the built-in special-purpose list ({}, {}, {}){}; {}", all, built_in,
                  block->prefix.to_string(), block->name, block->rfc, others, remedy));
}

Failure usage(std::string message) { return fail(ExitCode::Usage, std::move(message)); }

// Options that speak of another family than the targets.
Result<void> check_family(const SurveyOptions& options, bool is_v4) {
  const std::string_view family = is_v4 ? "IPv4" : "IPv6";
  const auto fits = [is_v4](const IpAddress& address) { return address.is_v4() == is_v4; };
  if (!options.source_ips.empty() && !fits(options.source_ips.front())) {
    return usage(
        fmt::format("--source-ip {} cannot send to the targets, which are {}; give an {} "
                    "address of the link",
                    options.source_ips.front().to_string(), family, family));
  }
  if (options.gateway && !fits(*options.gateway)) {
    return usage(
        fmt::format("--gateway {} is no way to the targets, which are {}; give an {} "
                    "address or --gateway-mac",
                    options.gateway->to_string(), family, family));
  }
  if (!is_v4 && options.probe == dataplane::ProbeKind::IcmpTimestamp) {
    return usage("--probe icmp-timestamp is of IPv4 alone; probe IPv6 with icmp-echo");
  }
  return {};
}

// The plan of one family, but for what does not depend on it.
template <typename Address>
Result<SurveyPlan> plan_for(const SurveyOptions& options, const IntervalSet<Address>& named,
                            const IntervalSet<Address>& blocked,
                            const IntervalSet<Address>& special) {
  constexpr std::uint64_t kMostTargets = std::uint64_t{1} << 48U;
  constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;
  if (auto fits = check_family(options, kIsV4); !fits) return Failure{fits.error()};
  IntervalSet<Address> left = named;
  left.subtract(blocked);
  if (left.empty()) {
    auto built_in = special_less_allowed(options.allow_special);
    if (!built_in) return Failure{built_in.error()};
    if constexpr (kIsV4) {
      return nothing_left(named, std::move(built_in->v4), options);
    } else {
      return nothing_left(named, std::move(built_in->v6), options);
    }
  }
  const std::vector<std::uint16_t> ports =
      has_ports(options.probe) ? options.ports : std::vector<std::uint16_t>{0};
  const std::uint64_t kept = count_of(left);
  if (kept > kMostTargets / ports.size()) {
    return fail(ExitCode::BadInput,
                fmt::format("the addresses named and {} port{} make more than 2^48 targets, which "
                            "no survey gets through; name longer prefixes, such as "
                            "2001:db8::/112, or list the addresses in a file",
                            ports.size(), ports.size() == 1 ? "" : "s"));
  }
  const std::uint64_t total = count_of(named);
  IntervalSet<Address> ordinary = left;
  ordinary.subtract(special);
  return SurveyPlan{.addresses = RankedSet<Address>{left},
                    .ports = ports,
                    .blocked = {},
                    .addresses_named = total,
                    .addresses_excluded = total - kept,
                    .public_addresses = count_of(ordinary)};
}

}  // namespace

Result<std::shared_ptr<const dataplane::UdpPayloads>> make_payloads(const SurveyOptions& options) {
  if (options.probe != dataplane::ProbeKind::Udp) return nullptr;
  std::vector<dataplane::UdpPayload> own;
  if (!options.payload_file.empty()) {
    auto read = read_payload_file(options.payload_file);
    if (!read) return Failure{read.error()};
    own = std::move(*read);
  }
  const auto ordered = order_payloads(own, options.payload_names, "--payload");
  if (!ordered) return Failure{ordered.error()};
  return std::make_shared<const dataplane::UdpPayloads>(*ordered, options.ports);
}

std::uint64_t digest_of(const Ipv4Set& set) {
  std::uint64_t digest = 0;
  for (const auto& range : set.intervals()) {
    digest = mix64(digest ^ (std::uint64_t{range.first.value()} << 32U | range.last.value()));
  }
  return digest;
}

std::uint64_t digest_of(const Ipv6Set& set) {
  std::uint64_t digest = 0;
  for (const auto& range : set.intervals()) {
    for (const Uint128 end : {range.first.value(), range.last.value()}) {
      digest = mix64(digest ^ static_cast<std::uint64_t>(end >> 64U));
      digest = mix64(digest ^ static_cast<std::uint64_t>(end));
    }
  }
  return digest;
}

std::uint64_t digest_of(const AddressList& list, bool is_v4) {
  return is_v4 ? digest_of(list.v4) : digest_of(list.v6);
}

std::uint64_t count_of(const Ipv4Set& set) { return set.size(); }

std::uint64_t count_of(const Ipv6Set& set) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  const Uint128 size = set.size();
  return size > kMost ? kMost : static_cast<std::uint64_t>(size);
}

Result<LiveBlocklist> make_blocklist(const SurveyOptions& options) {
  auto blocked = special_less_allowed(options.allow_special);
  if (!blocked) return Failure{blocked.error()};
  const auto excluded = read_named(options.excludes, "--exclude", options.exclude_files);
  if (!excluded) return Failure{excluded.error()};
  blocked->add(*excluded);
  return LiveBlocklist::open(std::move(*blocked), options.blocklist_files, options.opt_out_files);
}

Result<SurveyPlan> make_survey_plan(const SurveyOptions& options) {
  auto blocklist = make_blocklist(options);
  if (!blocklist) return Failure{blocklist.error()};
  const AddressList& blocked = blocklist->blocked();
  const auto named = read_named(options.targets, "target", options.target_files);
  if (!named) return Failure{named.error()};
  const bool is_v4 = named->v6.empty();
  if (is_v4 && named->v4.empty()) {
    return fail(ExitCode::BadInput,
                fmt::format("{}: no target is named; put an address, prefix or range on each line",
                            options.target_files.empty() ? "target" : options.target_files.back()));
  }
  if (!is_v4 && !named->v4.empty()) {
    return fail(ExitCode::BadInput,
                fmt::format("the targets are of both families ({} and {} among them); a survey "
                            "probes one, so run two",
                            named->v4.intervals()[0].first.to_string(),
                            named->v6.intervals()[0].first.to_string()));
  }
  auto payloads = make_payloads(options);
  if (!payloads) return Failure{payloads.error()};
  const AddressList special = special_purpose_list();
  auto plan = is_v4 ? plan_for(options, named->v4, blocked.v4, special.v4)
                    : plan_for(options, named->v6, blocked.v6, special.v6);
  if (!plan) return plan;
  plan->blocked = blocked;
  plan->payloads = std::move(*payloads);
  plan->exclude_digest = digest_of(blocked, is_v4);
  plan->blocklist = std::move(*blocklist);
  return plan;
}

}  // namespace trawl::control
