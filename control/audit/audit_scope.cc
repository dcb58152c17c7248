#include "control/audit/audit_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "control/steward/live_blocklist.h"

namespace trawl::control {
namespace {

AddressList everything() {
  AddressList all;
  all.v4.add(Ipv4Set::Range{Ipv4Address{0}, Ipv4Address{0xffffffff}});
  all.v6.add(Ipv6Set::Range{Ipv6Address{0}, Ipv6Address{~Uint128{0}}});
  return all;
}

AuditResult<AddressList> parse_scope(const std::string& text, std::string_view place) {
  AddressList list;
  std::string lines = text;
  std::ranges::replace(lines, ',', '\n');
  if (auto parsed = parse_address_list(lines, place, list); !parsed) {
    return bad_value(fmt::format("{}: \"{}\" is no list of addresses and prefixes.", place, text));
  }
  if (list.v4.empty() && list.v6.empty()) {
    return bad_value(fmt::format("{}: \"{}\" names no address", place, text));
  }
  return list;
}

}  // namespace

AuditResult<AuditScope> AuditScope::load(const AuditOptions& options,
                                         const Configuration& configuration) {
  AuditScope scope;
  auto lists = LiveBlocklist::open({}, configuration.blocklists, configuration.opt_outs);
  if (!lists) return bad_value(lists.error().message);
  scope.blocked_ = lists->blocked();
  if (!configuration.audit_scope.empty()) {
    AddressList allowed;
    for (const std::string& text : configuration.audit_scope) {
      auto parsed = parse_scope(text, "audit-scope");
      if (!parsed) return tl::unexpected{parsed.error()};
      allowed.add(*parsed);
    }
    scope.scope_ = std::move(allowed);
  }
  if (!options.scopes.empty()) {
    AddressList allowed;
    for (const std::string& text : options.scopes) {
      auto parsed = parse_scope(text, "--scope");
      if (!parsed) return tl::unexpected{parsed.error()};
      allowed.add(*parsed);
    }
    // Only narrower than the machine's.
    if (scope.scope_) {
      allowed.v4.intersect(scope.scope_->v4);
      allowed.v6.intersect(scope.scope_->v6);
    }
    scope.scope_ = std::move(allowed);
  }
  scope.has_limits_ = scope.scope_ || !scope.blocked_.v4.empty() || !scope.blocked_.v6.empty();
  return scope;
}

bool AuditScope::is_blocked(const IpAddress& address) const {
  return address.is_v4() ? blocked_.v4.contains(address.v4()) : blocked_.v6.contains(address.v6());
}

bool AuditScope::is_outside(const IpAddress& address) const {
  if (!scope_) return false;
  return address.is_v4() ? !scope_->v4.contains(address.v4()) : !scope_->v6.contains(address.v6());
}

std::optional<Ipv4Set> AuditScope::allowed_v4() const {
  if (!scope_) return std::nullopt;
  Ipv4Set allowed = scope_->v4;
  allowed.subtract(blocked_.v4);
  return allowed;
}

std::shared_ptr<const dataplane::PacketGuard> AuditScope::guard() const {
  if (!has_limits_) return nullptr;
  AddressList blocked = blocked_;
  if (scope_) {
    AddressList outside = everything();
    outside.v4.subtract(scope_->v4);
    outside.v6.subtract(scope_->v6);
    blocked.add(outside);
  }
  return std::make_shared<const dataplane::PacketGuard>(blocked.v4, blocked.v6);
}

AuditResult<void> check_ways(const AuditPlan& plan) {
  const auto& guard = plan.network.guard;
  if (!guard) return {};
  std::vector<IpAddress> through;
  for (const ProxyHop& hop : plan.proxies) through.push_back(hop.ip);
  if (plan.bounce) through.push_back(plan.bounce->ip);
  if (plan.zombie) through.push_back(plan.zombie->ip);
  for (const IpAddress& ip : through) {
    if (guard->allows(ip)) continue;
    return bad_value(fmt::format(
        "{} may not be reached: it is outside of the scope, or a list of trawl.conf blocks it.",
        ip.to_string()));
  }
  if (guard->allows_options(plan.style.ip_options)) return {};
  return bad_value(
      "--ip-options: the source route leads outside of the scope, or a list of trawl.conf blocks "
      "it.");
}

AuditResult<void> limit_audit_rate(const Configuration& configuration, Timing& timing) {
  if (!configuration.max_rate) return {};
  constexpr ByteCount kProbe{60};  // A frame of the shortest kind.
  constexpr double kRounding = 1.0 + 1e-9;
  const Configuration::MaxRate& most = *configuration.max_rate;
  const double allowed = most.rate.for_frame(kProbe).per_second();
  for (const auto& [option, asked] :
       {std::pair{"--min-rate", timing.min_rate}, std::pair{"--max-rate", timing.max_rate}}) {
    if (asked <= allowed * kRounding) continue;
    return bad_value(
        fmt::format("{} asks for {:.0f} packets/s, but {} allows no more than {} ({:.0f} "
                    "packets/s); ask for less.",
                    option, asked, most.place, most.text, allowed));
  }
  if (timing.max_rate <= 0) timing.max_rate = allowed;
  return {};
}

}  // namespace trawl::control
