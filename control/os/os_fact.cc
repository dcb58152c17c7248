#include "control/os/os_fact.h"

#include <fmt/format.h>

#include <string>

#include "osfp/database/os_summary.h"

namespace trawl::control {
namespace {

std::string evidence_of(const OsJudgement& judgement) {
  using osfp::OsOutcome;
  std::string text = fmt::format("open port {}", judgement.open_port);
  text += judgement.closed_port ? fmt::format(", closed port {}", *judgement.closed_port)
                                : ", no closed port known";
  if (judgement.rounds > 1) text += fmt::format(", {} rounds", judgement.rounds);
  if (judgement.analysis.hops) {
    text += fmt::format(", {} routers on the way", *judgement.analysis.hops);
  }
  if (judgement.timing_ratio) {
    text += fmt::format(", SEQ probes left over {:.2f} of their time", *judgement.timing_ratio);
  }
  if (judgement.matches.outcome == OsOutcome::TooMany) text += ", too many systems fit";
  if (judgement.matches.outcome == OsOutcome::None) text += ", no system fits";
  return text;
}

unsigned percent_of(const osfp::OsMatches& found) noexcept {
  return found.matches.empty() ? 0U : found.matches.front().score.percent();
}

void add_systems(const OsJudgement& judgement, const osfp::OsDatabase& database,
                 ServiceFact& fact) {
  for (const osfp::OsMatch& match : judgement.matches.named(osfp::OsDetail::Plain)) {
    const osfp::OsEntry& entry = database.entries[match.entry];
    fact.systems.push_back({.name = entry.name,
                            .accuracy = match.score.percent(),
                            .line = static_cast<std::uint32_t>(entry.line)});
  }
  if (!fact.systems.empty()) fact.os = fact.systems.front().name;
  for (const osfp::OsClassMatch& found : osfp::pick_classes(database, judgement.matches)) {
    for (const std::string& cpe : found.os_class->cpes) fact.cpes.push_back(cpe);
  }
  fact.device = osfp::summarise(database, judgement.matches, osfp::OsDetail::Plain).device_types;
}

}  // namespace

bool OsJudgement::is_better_than(const OsJudgement& before) const noexcept {
  if (is_answered != before.is_answered) return is_answered;
  return matches.outcome == osfp::OsOutcome::TooMany ||
         percent_of(matches) > percent_of(before.matches);
}

ServiceFact os_fact(const OsJudgement& judgement, const osfp::OsDatabase& database,
                    std::chrono::system_clock::time_point now) {
  ServiceFact fact;
  fact.time = now;
  fact.ip = judgement.ip;
  fact.port = judgement.open_port;
  fact.source = ServiceFact::Source::Os;
  if (judgement.is_answered) {
    add_systems(judgement, database, fact);
  } else {
    fact.trouble =
        judgement.was_stopped
            ? "a packet was stopped: its network may be sent nothing, or was lost sight of"
            : "it answered none of the probes";
  }
  for (const char letter : judgement.analysis.fingerprint.print()) {
    if (letter != '\n') fact.fingerprint += letter;
  }
  fact.evidence = evidence_of(judgement);
  return fact;
}

}  // namespace trawl::control
