#include "control/audit/engine/os_report_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <utility>

#include "osfp/active/scan_text.h"
#include "osfp/active/sequence.h"
#include "osfp/passive/port_comparison.h"
#include "osfp/passive/syn_ack.h"

namespace trawl::control {
namespace {

using osfp::ScanConditions;

// Perfect ones first, then by the score of the best entry; over IPv6, where there is no score but a
// match, the one that had most answers.
bool is_better(const OsVerdict& a, const OsVerdict& b) noexcept {
  const auto rank = [](const OsVerdict& verdict) {
    switch (verdict.state) {
      case OsState::Matches: return 3;
      case OsState::TooMany: return 2;
      case OsState::Guesses: return 1;
      default: return 0;
    }
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  if (a.answers6 != b.answers6) return a.answers6 > b.answers6;
  return std::uint64_t{a.best.matched} * b.best.possible >
         std::uint64_t{b.best.matched} * a.best.possible;
}

const OsVerdict& best_of(std::span<const OsVerdict> verdicts) noexcept {
  const OsVerdict* best = &verdicts.front();
  for (const OsVerdict& verdict : verdicts) {
    if (is_better(verdict, *best)) best = &verdict;
  }
  return *best;
}

// RFC 1918.
bool is_private(const IpAddress& ip) noexcept {
  if (!ip.is_v4()) return false;
  const std::uint32_t value = ip.v4().value();
  return value >> 24U == 10 || value >> 20U == 0xac1 || value >> 16U == 0xc0a8;
}

std::optional<ScanConditions::Distance> distance_of(const OsHost& host, const OsVerdict& verdict) {
  if (host.way.is_local) return {{.hops = 0, .source = osfp::DistanceSource::Localhost}};
  if (host.way.asks_neighbour) return {{.hops = 1, .source = osfp::DistanceSource::Direct}};
  if (host.traced) return {{.hops = *host.traced, .source = osfp::DistanceSource::Traceroute}};
  if (!verdict.analysis.hops) return std::nullopt;
  return {{.hops = *verdict.analysis.hops + 1, .source = osfp::DistanceSource::Icmp}};
}

bool has_udp_answer(const OsRounds& found) noexcept {
  const auto answers_udp = [](const osfp::Round& round) {
    return round.at(osfp::Probe::Udp).response.has_value();
  };
  const auto answers_udp6 = [](const osfp::Round6& round) {
    return round.at(osfp::Probe6::Udp).response.has_value();
  };
  return std::ranges::any_of(found.rounds, answers_udp) ||
         std::ranges::any_of(found.rounds6, answers_udp6);
}

// Why others should not learn from it, in the words of Nmap; "" for no reason.
std::string flaw_of(const OsRounds& found) {
  constexpr double kMostRatio = 1.4;
  constexpr unsigned kMostHops = 5;
  constexpr int kInsane = 5;
  const OsHost& host = *found.host;
  if (best_of(found.verdicts).state == OsState::TooMany) return "Too many fingerprints match";
  if (found.timing_level >= kInsane) return "Timing level 5 (Insane) used";
  if (host.ports.open_tcp.empty()) return "Missing an open TCP port so results incomplete";
  if (!host.ports.closed_tcp) return "Missing a closed TCP port so results incomplete";
  if (found.timing_ratio > kMostRatio) {
    return fmt::format("maxTimingRatio ({:e}) is greater than 1.4", found.timing_ratio);
  }
  if (!found.kept_time) return "SYN probes did not leave 100 ms apart";
  if (!has_udp_answer(found)) return "Didn't receive UDP response. Please try again with -sSU";
  const auto distance = distance_of(host, best_of(found.verdicts));
  if (distance && distance->hops > kMostHops) {
    return fmt::format("Host distance ({} network hops) is greater than five", distance->hops);
  }
  return {};
}

// The same over IPv6: either port will do, and neither the timing level nor the distance counts.
std::string flaw_of_v6(const OsRounds& found, const OsReport& report) {
  if (!report.open_tcp && !report.closed_tcp) {
    return "Missing a closed or open TCP port so results incomplete";
  }
  return found.kept_time ? "" : "SYN probes did not leave 100 ms apart";
}

ScanConditions conditions_of(const OsRounds& found, const OsVerdict& best, const OsReport& report,
                             std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  (void)::localtime_r(&seconds, &local);
  return {.version = std::string{found.version},
          .ip_version = found.host->ip.is_v4() ? 4U : 6U,
          .month = static_cast<unsigned>(local.tm_mon + 1),
          .day = static_cast<unsigned>(local.tm_mday),
          .open_port = report.open_tcp,
          .closed_port = report.closed_tcp,
          .udp_port = report.closed_udp,
          .is_private = is_private(found.host->ip),
          .distance = distance_of(*found.host, best),
          .is_good = report.is_ideal,
          .mac_vendor = found.host->mac_vendor,
          .time = seconds,
          .platform = std::string{found.platform}};
}

void add_uptime(const osfp::Analysis& analysis, std::chrono::system_clock::time_point now,
                OsReport& report) {
  const auto uptime = osfp::uptime_of(analysis.samples, analysis.stamps);
  if (!uptime) return;
  // It was measured a while ago.
  const osfp::Moment since =
      std::chrono::steady_clock::now().time_since_epoch() - analysis.samples.front().sent_at;
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(*uptime + since);
  report.uptime = std::chrono::duration_cast<std::chrono::seconds>(whole);
  report.last_boot = now - whole;
}

void add_sequences(const osfp::Analysis& analysis, OsReport& report) {
  OsReport::Sequence sequence;
  OsReport::Numbers ids;
  OsReport::Numbers stamps;
  for (const osfp::SequenceSample& sample : analysis.samples) {
    sequence.values.push_back(sample.isn);
    ids.values.push_back(sample.ip_id);
    if (sample.stamp) stamps.values.push_back(*sample.stamp);
  }
  if (analysis.isns) {
    sequence.index = analysis.isns->predictability;
    sequence.difficulty = osfp::difficulty_of(analysis.isns->predictability);
    report.sequence = std::move(sequence);
  }
  if (analysis.ip_ids) {
    ids.kind = osfp::to_string(*analysis.ip_ids);
    report.ip_ids = std::move(ids);
  }
  if (!analysis.samples.empty()) {
    stamps.kind = osfp::to_string(analysis.stamps);
    report.stamps = std::move(stamps);
  }
}

}  // namespace

bool are_conditions_good(const OsRounds& found) { return flaw_of(found).empty(); }

OsReport make_os_report(const OsRounds& found) {
  const OsVerdict& best = best_of(found.verdicts);
  const auto now = std::chrono::system_clock::now();
  const OsHost& host = *found.host;
  OsReport report;
  report.state = best.state;
  report.is_v6 = !host.ip.is_v4();
  report.matches = best.matches;
  report.summary = best.summary;
  if (!host.ports.open_tcp.empty()) report.open_tcp = host.ports.open_tcp.front();
  report.closed_tcp = host.ports.closed_tcp;
  if (has_udp_answer(found)) {
    report.closed_udp =
        report.is_v6 ? found.rounds6.front().series.udp_port : found.rounds.front().series.udp_port;
  }
  if (const auto distance = distance_of(host, best)) report.distance = distance->hops;
  if (!found.kept_time) report.timing_ratio = found.timing_ratio;
  report.not_ideal = report.is_v6 ? flaw_of_v6(found, report) : flaw_of(found);
  report.is_ideal = report.not_ideal.empty();
  // Of one round: nobody tells one of several over IPv6, nor an uptime or what sequences are like.
  if (report.is_v6) {
    report.fingerprint =
        osfp::print_scan_line(conditions_of(found, best, report, now)) + '\n' + best.fingerprint6;
    return report;
  }
  std::vector<osfp::Fingerprint> fingerprints;
  for (const OsVerdict& verdict : found.verdicts) {
    fingerprints.push_back(verdict.analysis.fingerprint);
  }
  report.fingerprint = osfp::print_rounds(conditions_of(found, best, report, now), fingerprints);
  // As nmap does; whichever round fits best says no more of clocks and counters than the last one.
  add_uptime(found.verdicts.back().analysis, now, report);
  add_sequences(found.verdicts.back().analysis, report);
  return report;
}

std::vector<OsPortReport> make_port_reports(std::span<const OsPortRound> ports) {
  std::vector<OsPortReport> reports;
  std::vector<osfp::PortSynAck> syn_acks;
  for (const OsPortRound& round : ports) {
    // The last one may not have been judged when the audit ended.
    if (round.verdict.id == 0) continue;
    reports.push_back({.port = round.port,
                       .state = round.verdict.state,
                       .matches = round.verdict.matches,
                       .fingerprint = round.verdict.analysis.fingerprint.print(),
                       .machine = 0,
                       .difference = {}});
    if (const auto facts = osfp::read_syn_ack(round.syn_ack)) {
      syn_acks.push_back({.port = round.port, .arrival = round.arrival, .facts = *facts});
    }
  }
  const std::vector<osfp::MachineGroup> machines = osfp::compare_ports(syn_acks);
  for (std::size_t i = 0; i < machines.size(); ++i) {
    for (OsPortReport& report : reports) {
      if (!std::ranges::binary_search(machines[i].ports, report.port)) continue;
      report.machine = i;
      report.difference = machines[i].explanation;
    }
  }
  return reports;
}

}  // namespace trawl::control
