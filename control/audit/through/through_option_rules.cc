#include <algorithm>
#include <array>
#include <utility>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using Taken = AuditResult<void>;

Taken take_proxies(AuditOptions& options, const OptionWord& word) {
  auto hops = parse_proxies(word.value);
  if (!hops) return tl::unexpected{hops.error()};
  options.proxies = std::move(*hops);
  return {};
}

// -b is a kind of scan too.
Taken take_bounce(AuditOptions& options, const OptionWord& word) {
  auto server = parse_bounce_server(word.value);
  if (!server) return tl::unexpected{server.error()};
  options.bounce = std::move(*server);
  if (std::ranges::find(options.scans, ScanType::Bounce) == options.scans.end()) {
    options.scans.push_back(ScanType::Bounce);
  }
  return {};
}

constexpr std::array kRules{
    OptionRule{{"proxies", ArgumentUse::Required}, take_proxies},
    OptionRule{{"b", ArgumentUse::Required}, take_bounce},
};

}  // namespace

std::span<const OptionRule> through_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
