#include "control/audit/engine/os_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "control/audit/engine/os_report_maker.h"

namespace trawl::control {
namespace {

constexpr unsigned kTries = 5;      // As Nmap, under good conditions...
constexpr unsigned kPoorTries = 2;  // ...and under others, at most.
// Ports that are likely to be closed where none is known to be.
constexpr std::uint16_t kFirstGuess = 30'000;
constexpr std::uint16_t kGuesses = 12'000;

bool is_wrapped(const PortReport& port) noexcept {
  return port.service && port.service->outcome == service::ServiceFinding::Outcome::Wrapped;
}

// What was sent in each round, as often as a round sends it, and never answered. To wait again for
// what never comes is most of the time that another round would take.
template <typename Round>
osfp::ProbeSet silent_in(const std::vector<Round>& rounds) noexcept {
  osfp::ProbeSet silent;
  for (std::size_t i = 0; i < std::tuple_size_v<decltype(Round::exchanges)>; ++i) {
    silent[i] = !rounds.empty() && std::ranges::all_of(rounds, [i](const Round& round) {
      return round.exchanges[i].was_sent && !round.exchanges[i].response;
    });
  }
  return silent;
}

}  // namespace

OsPorts ports_for_os(const std::vector<PortReport>& ports) {
  OsPorts chosen;
  for (const PortReport& port : ports) {
    const bool is_tcp = port.protocol == PortProtocol::Tcp;
    if (is_tcp && port.state == PortState::Open && !is_wrapped(port)) {
      chosen.open_tcp.push_back(port.number);
    }
    if (port.state != PortState::Closed || port.number == 0) continue;
    if (is_tcp && !chosen.closed_tcp) chosen.closed_tcp = port.number;
    const bool is_udp = port.protocol == PortProtocol::Udp;
    if (is_udp && !chosen.closed_udp) chosen.closed_udp = port.number;
  }
  return chosen;
}

bool OsStage::join(OsHost host) {
  const std::uint64_t id = host.id;
  Asked& asked = hosts_[id];
  const OsPorts& ports = host.ports;
  asked.is_skipped =
      options_.settings.only_promising && (ports.open_tcp.empty() || !ports.closed_tcp);
  const auto guess = [this] {
    return static_cast<std::uint16_t>(kFirstGuess + random_() % kGuesses);
  };
  asked.closed_tcp = ports.closed_tcp.value_or(guess());
  asked.closed_udp = ports.closed_udp.value_or(guess());
  asked.host = std::move(host);
  if (asked.is_skipped) return false;
  ask(asked);
  return true;
}

// One round says it over IPv6, as with Nmap: what its probes had no answer to was sent again
// within.
unsigned OsStage::most_tries(const Asked& asked) const {
  if (!asked.host.ip.is_v4()) return options_.settings.most_tries.value_or(1);
  const unsigned most = options_.settings.most_tries.value_or(kTries);
  const bool is_promising = !asked.host.ports.open_tcp.empty() && asked.host.ports.closed_tcp;
  const bool is_good =
      is_promising && (asked.verdicts.empty() || are_conditions_good(rounds_of(asked)));
  return is_good ? most : std::min(most, kPoorTries);
}

OsRounds OsStage::rounds_of(const Asked& asked) const {
  return {.host = &asked.host,
          .rounds = asked.rounds,
          .rounds6 = asked.rounds6,
          .verdicts = asked.verdicts,
          .kept_time = asked.kept_time,
          .timing_ratio = asked.worst_ratio,
          .timing_level = options_.timing_level,
          .version = options_.version,
          .platform = options_.platform};
}

void OsStage::ask_v6(Asked& asked) {
  const OsHost& host = asked.host;
  OsQuestion question{.id = host.id, .way = host.way, .series = {}, .timeout = host.timeout};
  osfp::ProbeSeries6& series = question.series6.emplace();
  series.source = host.way.source.v6();
  series.destination = host.ip.v6();
  series.is_neighbour = host.way.asks_neighbour;
  if (!host.ports.open_tcp.empty()) series.open_port = host.ports.open_tcp.front();
  series.closed_port = host.ports.closed_tcp;
  series.udp_port = asked.closed_udp;
  question.knows_closed_port = host.ports.closed_tcp.has_value();
  question.sent_once = silent_in(asked.rounds6);
  question.last_batch = asked.last_batch;
  prober_->ask(std::move(question));
  tries_.push_back({host.id, static_cast<unsigned>(asked.rounds6.size()) + 1});
}

void OsStage::ask(Asked& asked) {
  const OsHost& host = asked.host;
  if (!host.ip.is_v4()) {
    ask_v6(asked);
    return;
  }
  OsQuestion question{.id = host.id, .way = host.way, .series = {}, .timeout = host.timeout};
  question.series.source = host.way.source.v4();
  question.series.destination = host.ip.v4();
  if (!host.ports.open_tcp.empty()) question.series.open_port = host.ports.open_tcp.front();
  question.series.closed_port = asked.closed_tcp;
  question.series.udp_port = asked.closed_udp;
  question.knows_closed_port = host.ports.closed_tcp.has_value();
  question.sent_once = silent_in(asked.rounds);
  question.last_batch = asked.last_batch;
  prober_->ask(std::move(question));
  tries_.push_back({host.id, static_cast<unsigned>(asked.rounds.size()) + 1});
}

void OsStage::ask_port(const Asked& asked) {
  const OsHost& host = asked.host;
  OsQuestion question{.id = host.id,
                      .way = host.way,
                      .series = {},
                      .only_open_port = true,
                      .timeout = host.timeout};
  question.series.source = host.way.source.v4();
  question.series.destination = host.ip.v4();
  question.series.open_port = host.ports.open_tcp[asked.ports.size()];
  question.last_batch = asked.last_batch;
  prober_->ask(std::move(question));
}

void OsStage::turn() {
  OsProber::News news = prober_->take();
  counters_ = news.counters;
  std::ranges::move(news.packets, std::back_inserter(packets_));
  std::ranges::move(news.warnings, std::back_inserter(warnings_));
  for (OsAnswer& answer : news.answers) take_answer(std::move(answer));
  if (judge_ == nullptr) return;
  OsJudge::News judged = judge_->take();
  std::ranges::move(judged.warnings, std::back_inserter(warnings_));
  if (!judged.failure.empty()) failure_ = std::move(judged.failure);
  for (OsVerdict& verdict : judged.verdicts) take_verdict(std::move(verdict));
}

std::vector<int> OsStage::fds() const {
  std::vector<int> all{prober_->fd()};
  if (judge_ != nullptr) all.push_back(judge_->fd());
  return all;
}

void OsStage::take_timing(Asked& asked, const OsAnswer& answer) {
  const OsHost& host = asked.host;
  asked.last_batch =
      answer.round6 ? answer.round6->series.source_port : answer.round.series.source_port;
  const bool has_open = answer.round6 ? answer.round6->series.open_port.has_value()
                                      : answer.round.series.open_port.has_value();
  if (!has_open) return;
  debug_.push_back(fmt::format("OS detection timing ratio of {} == {:.4f}{}", host.ip.to_string(),
                               answer.timing_ratio,
                               answer.kept_time ? "" : ": SYNs did not leave 100 ms apart"));
  if (asked.is_at_ports) return;  // The host's own rounds are over.
  if (std::abs(answer.timing_ratio - 1) > std::abs(asked.worst_ratio - 1)) {
    asked.worst_ratio = answer.timing_ratio;
  }
  asked.kept_time = asked.kept_time && answer.kept_time;
}

void OsStage::take_answer(OsAnswer&& answer) {
  const auto found = hosts_.find(answer.id);
  if (found == hosts_.end()) return;
  Asked& asked = found->second;
  const OsHost& host = asked.host;
  if (answer.round6) {
    take_timing(asked, answer);
    OsVerdict verdict = judge_round(*answer.round6, *options_.model6);
    verdict.id = answer.id;
    asked.rounds6.push_back(std::move(*answer.round6));
    take_verdict(std::move(verdict));
    return;
  }
  // The UDP probe tells how far it is; where nothing answers that, a trace does. That a host is on
  // our link is no measurement: entries of such hosts were made without, and nmap gives TG as well.
  if (host.traced && *host.traced > 0) answer.round.hops = *host.traced - 1;
  take_timing(asked, answer);
  judge_->judge(answer.id, answer.round);
  if (asked.is_at_ports) {
    const osfp::Moment arrival = answer.round.at(osfp::Probe::Seq1).sent_at;
    asked.ports.push_back({.port = *answer.round.series.open_port,
                           .verdict = {},
                           .syn_ack = std::move(answer.syn_ack),
                           .arrival = arrival});
  } else {
    asked.rounds.push_back(std::move(answer.round));
  }
}

void OsStage::take_verdict(OsVerdict&& verdict) {
  const auto found = hosts_.find(verdict.id);
  if (found == hosts_.end()) return;
  Asked& asked = found->second;
  const bool is_perfect = verdict.state == OsState::Matches || verdict.state == OsState::TooMany;
  if (asked.is_at_ports) {
    asked.ports.back().verdict = std::move(verdict);
  } else {
    asked.verdicts.push_back(std::move(verdict));
    if (!is_perfect && asked.verdicts.size() < most_tries(asked)) {
      ask(asked);
      return;
    }
    asked.is_at_ports = options_.settings.per_port;
  }
  if (asked.is_at_ports && asked.ports.size() < asked.host.ports.open_tcp.size()) {
    ask_port(asked);
  } else {
    ends_.push_back(found->first);
  }
}

std::optional<OsReport> OsStage::leave(std::uint64_t id) {
  const auto found = hosts_.find(id);
  if (found == hosts_.end()) return std::nullopt;
  const Asked asked = std::move(found->second);
  hosts_.erase(found);
  std::erase(ends_, id);
  if (asked.is_skipped) {
    OsReport skipped;
    skipped.state = OsState::Skipped;
    return skipped;
  }
  prober_->drop(id);
  if (asked.verdicts.empty()) return std::nullopt;
  OsReport report = make_os_report(rounds_of(asked));
  report.ports = make_port_reports(asked.ports);
  return report;
}

OsStage::Work OsStage::work(std::uint64_t id) const {
  const auto found = hosts_.find(id);
  if (found == hosts_.end()) return {};
  const Asked& asked = found->second;
  const auto done = static_cast<unsigned>(asked.verdicts.size() + asked.ports.size());
  unsigned all = most_tries(asked);
  if (asked.is_at_ports) all = static_cast<unsigned>(asked.verdicts.size());
  if (options_.settings.per_port) all += static_cast<unsigned>(asked.host.ports.open_tcp.size());
  return {.done = done, .left = all - std::min(all, done)};
}

}  // namespace trawl::control
