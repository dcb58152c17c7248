#include "control/audit/report/port_summary.h"

#include <algorithm>
#include <array>
#include <limits>

namespace trawl::control {
namespace {

constexpr std::size_t kShownPerLevel = 25;
constexpr std::size_t kShownPerDebugLevel = 500;
constexpr int kShowsAll = 3;  // Of debugging.

std::size_t most_shown(const AuditRun& run) {
  if (run.debugging >= kShowsAll) return std::numeric_limits<std::size_t>::max();
  const auto verbosity = static_cast<std::size_t>(std::max(run.verbosity, 0));
  const auto debugging = static_cast<std::size_t>(std::max(run.debugging, 0));
  return kShownPerLevel * (verbosity + 1) + kShownPerDebugLevel * debugging;
}

bool may_be_open(PortState state) noexcept {
  return state == PortState::Open || state == PortState::OpenFiltered ||
         state == PortState::Unfiltered;
}

void count_in(IgnoredState& state, const PortReport& port) {
  ++state.count;
  const auto same = std::ranges::find_if(state.reasons, [&port](const IgnoredReason& reason) {
    return reason.protocol == port.protocol && reason.word == port.reason.word;
  });
  if (same != state.reasons.end()) {
    same->ports.push_back(port.number);
  } else {
    state.reasons.push_back({port.protocol, port.reason.word, {port.number}});
  }
}

}  // namespace

bool PortSummary::protocols_only() const noexcept {
  const auto of_ip = [](const auto& one) { return one.protocol == PortProtocol::Ip; };
  return (!listed.empty() || !ignored.empty()) &&
         std::ranges::all_of(listed, [&](const PortReport* port) { return of_ip(*port); }) &&
         std::ranges::all_of(ignored, [&](const IgnoredState& state) {
           return std::ranges::all_of(state.reasons, of_ip);
         });
}

PortSummary summarize_ports(const HostReport& report, const AuditRun& run) {
  std::array<std::size_t, kPortStates> counts{};
  for (const PortReport& port : report.ports) ++counts[static_cast<std::size_t>(port.state)];
  const auto is_ignored = [&](PortState state) {
    if (state == PortState::Open) return false;
    if (run.only_open && !may_be_open(state)) return true;
    return counts[static_cast<std::size_t>(state)] > most_shown(run);
  };
  PortSummary summary;
  std::array<IgnoredState, kPortStates> states;
  for (const PortReport& port : report.ports) {
    if (is_ignored(port.state)) {
      count_in(states[static_cast<std::size_t>(port.state)], port);
    } else {
      summary.listed.push_back(&port);
    }
  }
  for (std::size_t i = 0; i < kPortStates; ++i) {
    if (states[i].count == 0) continue;
    states[i].state = static_cast<PortState>(i);
    std::ranges::stable_sort(states[i].reasons, [](const IgnoredReason& a, const IgnoredReason& b) {
      if (a.ports.size() != b.ports.size()) return a.ports.size() > b.ports.size();
      return a.protocol > b.protocol;  // As Nmap has it, udp before tcp.
    });
    summary.ignored.push_back(std::move(states[i]));
  }
  std::ranges::stable_sort(summary.ignored, std::ranges::greater{}, &IgnoredState::count);
  return summary;
}

bool is_told(const HostReport& report, const AuditRun& run) {
  if (report.status == HostStatus::Down) return run.names_downs && !run.only_open;
  if (!run.only_open || !report.ports_scanned || report.timed_out) return true;
  return std::ranges::any_of(report.ports, may_be_open, &PortReport::state);
}

}  // namespace trawl::control
