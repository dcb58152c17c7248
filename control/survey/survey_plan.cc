#include "control/survey/survey_plan.h"

#include <fmt/format.h>

#include <utility>

#include "base/hash.h"
#include "control/survey/payload_file.h"
#include "control/survey/special_purpose.h"
#include "control/survey/target_spec.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

Result<Ipv4Set> read_named(const std::vector<std::string>& specs, std::string_view option,
                           const std::vector<std::string>& files) {
  Ipv4Set set;
  for (const std::string& spec : specs) {
    if (auto parsed = parse_targets(spec, option, set); !parsed) return Failure{parsed.error()};
  }
  for (const std::string& file : files) {
    if (auto parsed = read_target_file(file, set); !parsed) return Failure{parsed.error()};
  }
  return set;
}

// Special-purpose space less what --allow-special names.
Result<Ipv4Set> special_less_allowed(const std::vector<std::string>& allow_special) {
  const Ipv4Set special = special_purpose_addresses();
  Ipv4Set blocked = special;
  for (const std::string& spec : allow_special) {
    Ipv4Set allowed;
    if (auto parsed = parse_targets(spec, "--allow-special", allowed); !parsed) {
      return Failure{parsed.error()};
    }
    Ipv4Set ordinary = allowed;
    ordinary.subtract(special);
    if (!ordinary.empty()) {
      return fail(ExitCode::BadInput,
                  fmt::format("--allow-special: {} reaches outside special-purpose space (it holds "
                              "{}); name a special-purpose prefix such as 198.18.0.0/15",
                              quote(spec), ordinary.intervals()[0].first.to_string()));
    }
    blocked.subtract(allowed);
  }
  return blocked;
}

// Why nothing of `named` is left: which part of the blocklist took how many.
Failure nothing_left(const Ipv4Set& named, const SurveyOptions& options) {
  const auto special = special_less_allowed(options.allow_special);
  Ipv4Set by_special = named;
  if (special) by_special.intersect(*special);
  const std::uint64_t total = named.size();
  const std::uint64_t built_in = by_special.size();
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
  const SpecialPurposeBlock* block = special_purpose_block_of(by_special.intervals()[0].first);
  return fail(
      ExitCode::BadInput,
      fmt::format("{}: {} by the built-in special-purpose list ({}, {}, {}){}; to probe a network "
                  "of your own there, add --allow-special {}",
                  all, built_in, block->prefix.to_string(), block->name, block->rfc, others,
                  block->prefix.to_string()));
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

Result<LiveBlocklist> make_blocklist(const SurveyOptions& options) {
  auto blocked = special_less_allowed(options.allow_special);
  if (!blocked) return Failure{blocked.error()};
  const auto excluded = read_named(options.excludes, "--exclude", options.exclude_files);
  if (!excluded) return Failure{excluded.error()};
  blocked->add(*excluded);
  AddressList fixed{.v4 = std::move(*blocked), .v6 = special_purpose_ipv6_addresses()};
  return LiveBlocklist::open(std::move(fixed), options.blocklist_files, options.opt_out_files);
}

Result<SurveyPlan> make_survey_plan(const SurveyOptions& options) {
  auto blocklist = make_blocklist(options);
  if (!blocklist) return Failure{blocklist.error()};
  const Ipv4Set& blocked = blocklist->blocked().v4;
  auto named = read_named(options.targets, "target", options.target_files);
  if (!named) return Failure{named.error()};
  if (named->empty()) {
    return fail(ExitCode::BadInput,
                fmt::format("{}: no target is named; put an address, prefix or range on each line",
                            options.target_files.empty() ? "target" : options.target_files.back()));
  }
  auto payloads = make_payloads(options);
  if (!payloads) return Failure{payloads.error()};
  Ipv4Set left = *named;
  left.subtract(blocked);
  if (left.empty()) return nothing_left(*named, options);
  const std::uint64_t total = named->size();
  const std::uint64_t kept = left.size();
  const std::uint64_t digest = digest_of(blocked);
  Ipv4Set ordinary = left;
  ordinary.subtract(special_purpose_addresses());
  return SurveyPlan{
      .addresses = RankedSet<Ipv4Address>{left},
      .ports = has_ports(options.probe) ? options.ports : std::vector<std::uint16_t>{0},
      .blocked = blocked,
      .payloads = std::move(*payloads),
      .addresses_named = total,
      .addresses_excluded = total - kept,
      .exclude_digest = digest,
      .public_addresses = ordinary.size(),
      .blocklist = std::move(*blocklist)};
}

}  // namespace trawl::control
