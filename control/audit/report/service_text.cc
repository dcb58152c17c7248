#include "control/audit/report/service_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/audit/ports/data_file.h"
#include "control/audit/report/report_text.h"

namespace trawl::control {
namespace {

using Outcome = service::ServiceFinding::Outcome;

constexpr std::string_view kUnknown = "unknown";

bool is_same_text(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

template <typename IsSame>
void add_once(std::vector<std::string_view>& list, std::string_view text, const IsSame& is_same) {
  constexpr std::size_t kMost = 5;
  if (text.empty() || list.size() >= kMost) return;
  const auto same = [&](std::string_view other) { return is_same(text, other); };
  if (std::ranges::none_of(list, same)) list.push_back(text);
}

// Where the part of a CPE is: 'a', 'h', 'o', or something else.
char part_of(std::string_view cpe) noexcept {
  constexpr std::string_view kStart = "cpe:/";
  return cpe.starts_with(kStart) && cpe.size() > kStart.size() ? cpe[kStart.size()] : 'z';
}

}  // namespace

ServiceText service_text(const PortReport& port, const PortNames* names) {
  ServiceText text;
  text.name = name_of_port(names, port);
  const service::ServiceFinding* const found = port.service.get();
  if (found == nullptr) return text;
  text.is_tls = found->is_tls;
  text.is_probed = found->outcome == Outcome::Matched || found->outcome == Outcome::SoftMatched ||
                   found->outcome == Outcome::Wrapped;
  const bool is_incomplete = found->outcome == Outcome::Incomplete;
  if (!text.is_probed && !is_incomplete) {
    if (text.name.empty() && (found->is_tls || !found->fingerprint.empty())) text.name = kUnknown;
    text.is_guessed = port.state == PortState::Open && !text.name.empty() && text.name != kUnknown;
    return text;
  }
  text.name = found->name.empty() ? kUnknown : std::string_view{found->name};
  constexpr unsigned kWrapped = 8;
  constexpr unsigned kProbed = 10;
  if (text.is_probed) text.confidence = found->outcome == Outcome::Wrapped ? kWrapped : kProbed;
  text.is_guessed = is_incomplete && port.state == PortState::Open;
  text.product = found->product;
  text.version = found->version;
  text.info = found->info;
  if (found->rpc && text.product.empty() && text.version.empty() && text.info.empty()) {
    const service::ServiceFinding::Rpc& rpc = *found->rpc;
    text.version =
        rpc.low == rpc.high ? fmt::format("{}", rpc.low) : fmt::format("{}-{}", rpc.low, rpc.high);
    text.info = fmt::format("RPC #{}", rpc.number);
  }
  return text;
}

std::string service_column(const ServiceText& service, std::string_view unnamed) {
  const std::string_view name = service.name.empty() ? unnamed : service.name;
  return fmt::format("{}{}{}", service.is_tls ? "ssl/" : "", name, service.is_guessed ? "?" : "");
}

std::string version_column(const ServiceText& service) {
  std::string text{service.product};
  if (!service.version.empty())
    text += fmt::format("{}{}", text.empty() ? "" : " ", service.version);
  if (!service.info.empty()) text += fmt::format("{}({})", text.empty() ? "" : " ", service.info);
  return text;
}

std::vector<std::string_view> cpes_of(const service::ServiceFinding& finding) {
  constexpr std::string_view kParts = "aho";
  std::vector<std::string_view> cpes;
  for (const char part : kParts) {
    const auto last = std::find_if(finding.cpes.rbegin(), finding.cpes.rend(),
                                   [part](std::string_view cpe) { return part_of(cpe) == part; });
    if (last != finding.cpes.rend()) cpes.emplace_back(*last);
  }
  return cpes;
}

HostHints host_hints(const std::vector<const PortReport*>& ports) {
  HostHints hints;
  for (const PortReport* port : ports) {
    if (!port->service) continue;
    const service::ServiceFinding& found = *port->service;
    add_once(hints.names, found.hostname, is_same_text);
    add_once(hints.systems, found.os, std::equal_to<>{});
    add_once(hints.devices, found.device, std::equal_to<>{});
    for (const std::string_view cpe : cpes_of(found)) {
      if (part_of(cpe) != 'a') add_once(hints.cpes, cpe, std::equal_to<>{});
    }
  }
  return hints;
}

std::string fingerprint_lines(std::string_view fingerprint) {
  constexpr std::size_t kFirst = 74;
  constexpr std::string_view kMore = "SF:";
  std::string text{fingerprint.substr(0, kFirst)};
  text += '\n';
  for (std::size_t at = kFirst; at < fingerprint.size(); at += kFirst - kMore.size()) {
    text += fmt::format("{}{}\n", kMore, fingerprint.substr(at, kFirst - kMore.size()));
  }
  return text;
}

}  // namespace trawl::control
