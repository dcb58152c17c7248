#include "osfp/passive/port_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace trawl::osfp {
namespace {

using Members = std::vector<const PortSynAck*>;

// What one machine has in common on all its ports, whatever serves them.
bool same_stack(const SynAckFacts& a, const SynAckFacts& b) noexcept {
  return a.ttl == b.ttl && a.layout == b.layout && a.quirks == b.quirks && a.mss == b.mss &&
         a.ip_version == b.ip_version;
}

// Whether one clock of 1 to 1000 ticks a second, as RFC 7323 section 5.4 has them, may have given
// both timestamps.
bool same_clock(const PortSynAck& a, const PortSynAck& b) noexcept {
  constexpr std::int64_t kTicksPerSecond = 1100;  // With a tenth for clocks that run fast.
  constexpr std::int64_t kSlack = 1100;           // A second for delays on the way.
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  const auto elapsed = (b.arrival - a.arrival).count();
  const auto ticks = static_cast<std::int32_t>(b.facts.stamp - a.facts.stamp);
  const std::int64_t most =
      std::abs(elapsed) / kNanoseconds * kTicksPerSecond + kSlack + kTicksPerSecond;
  return std::abs(std::int64_t{ticks}) <= most &&
         (std::abs(std::int64_t{ticks}) <= kSlack || (ticks > 0) == (elapsed > 0));
}

// Members of one stack, apart where at least two ports each share a clock.
std::vector<Members> split_by_clock(Members members) {
  const bool has_clocks = std::ranges::all_of(
      members, [](const PortSynAck* p) { return p->facts.has_stamp && p->facts.stamp != 0; });
  if (!has_clocks || members.size() > kMostClockPorts) return {std::move(members)};
  std::vector<Members> clocks;
  for (const PortSynAck* port : members) {
    const auto clock = std::ranges::find_if(
        clocks, [&](const Members& known) { return same_clock(*known.back(), *port); });
    if (clock != clocks.end()) {
      clock->push_back(port);
    } else {
      clocks.push_back({port});
    }
  }
  // Single ports say nothing: their stacks may give each connection a clock of its own.
  std::vector<Members> out;
  Members single;
  for (Members& clock : clocks) {
    if (clock.size() > 1) {
      out.push_back(std::move(clock));
    } else {
      single.push_back(clock.front());
    }
  }
  if (out.empty()) return {std::move(members)};
  const auto largest = std::ranges::max_element(out, {}, &Members::size);
  largest->insert(largest->end(), single.begin(), single.end());
  return out;
}

void explain(const SynAckFacts& first, MachineGroup& group) {
  const SynAckFacts& own = group.facts;
  const auto out = std::back_inserter(group.explanation);
  const auto add = [&](MachineDifference difference, const std::string& text) {
    group.differences.push_back(difference);
    fmt::format_to(out, "{}{}", group.explanation.empty() ? "" : "; ", text);
  };
  if (likely_initial_ttl(own.ttl) != likely_initial_ttl(first.ttl)) {
    add(MachineDifference::InitialTtl, fmt::format("TTL {}, not {}", own.ttl, first.ttl));
  }
  if (own.layout != first.layout) {
    add(MachineDifference::OptionLayout,
        fmt::format("options '{}', not '{}'", own.layout.print(), first.layout.print()));
  }
  if (own.quirks != first.quirks) {
    std::string which;
    for (std::size_t i = 0; i < kQuirks; ++i) {
      const auto quirk = static_cast<Quirk>(i);
      if (own.quirks.has(quirk) == first.quirks.has(quirk)) continue;
      which += fmt::format("{}{}{}", which.empty() ? "" : ", ",
                           own.quirks.has(quirk) ? "" : "without ", to_string(quirk));
    }
    add(MachineDifference::Quirks, "quirks: " + which);
  }
  // Identifications that count pass 0 now and then.
  Quirks counted;
  counted.add(Quirk::IdWithDf);
  counted.add(Quirk::NoId);
  const bool is_quirk_certain = own.quirks.without(counted) != first.quirks.without(counted);
  const bool is_quirk_alone = group.differences.size() == 1 && own.quirks != first.quirks;
  group.is_certain = !group.differences.empty() && (!is_quirk_alone || is_quirk_certain);
  if (own.ttl != first.ttl && likely_initial_ttl(own.ttl) == likely_initial_ttl(first.ttl)) {
    add(MachineDifference::Hops, fmt::format("TTL {}, not {}", own.ttl, first.ttl));
  }
  if (own.mss != first.mss) {
    add(MachineDifference::Mss, fmt::format("MSS {}, not {}", own.mss, first.mss));
  }
  if (group.differences.empty()) {
    add(MachineDifference::Clock, "timestamps of another clock");
  }
}

}  // namespace

std::string_view to_string(MachineDifference difference) noexcept {
  constexpr std::array<std::string_view, 6> kNames{"initial-ttl", "options", "quirks",
                                                   "hops",        "clock",   "mss"};
  return kNames[static_cast<std::size_t>(difference)];
}

std::vector<MachineGroup> compare_ports(std::span<const PortSynAck> ports) {
  Members sorted;
  for (const PortSynAck& port : ports) sorted.push_back(&port);
  std::ranges::stable_sort(sorted, {}, &PortSynAck::port);
  std::vector<Members> stacks;
  for (const PortSynAck* port : sorted) {
    const auto stack = std::ranges::find_if(stacks, [&](const Members& known) {
      return same_stack(known.front()->facts, port->facts);
    });
    if (stack != stacks.end()) {
      stack->push_back(port);
    } else {
      stacks.push_back({port});
    }
  }
  std::vector<MachineGroup> groups;
  for (Members& stack : stacks) {
    for (const Members& machine : split_by_clock(std::move(stack))) {
      MachineGroup group;
      for (const PortSynAck* port : machine) group.ports.push_back(port->port);
      std::ranges::sort(group.ports);
      group.facts = machine.front()->facts;
      groups.push_back(std::move(group));
    }
  }
  std::ranges::sort(groups, [](const MachineGroup& a, const MachineGroup& b) {
    if (a.ports.size() != b.ports.size()) return a.ports.size() > b.ports.size();
    return a.ports < b.ports;
  });
  for (std::size_t i = 1; i < groups.size(); ++i) explain(groups.front().facts, groups[i]);
  return groups;
}

}  // namespace trawl::osfp
