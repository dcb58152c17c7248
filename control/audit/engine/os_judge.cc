#include "control/audit/engine/os_judge.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <utility>

namespace trawl::control {
namespace {

OsState state_of(osfp::OsOutcome outcome) noexcept {
  switch (outcome) {
    case osfp::OsOutcome::Perfect: return OsState::Matches;
    case osfp::OsOutcome::TooMany: return OsState::TooMany;
    case osfp::OsOutcome::Guesses: return OsState::Guesses;
    case osfp::OsOutcome::None: break;
  }
  return OsState::None;
}

}  // namespace

OsVerdict judge_round(const osfp::Round& round, const osfp::OsScorer& scorer,
                      osfp::OsDetail detail) {
  OsVerdict verdict;
  verdict.analysis = osfp::analyse(round);
  const osfp::OsDatabase& database = scorer.database();
  const osfp::OsMatches found =
      osfp::pick_matches(database, scorer.score(verdict.analysis.fingerprint));
  verdict.state = state_of(found.outcome);
  if (!found.matches.empty()) verdict.best = found.matches.front().score;
  for (const osfp::OsMatch& match : found.named(detail)) {
    const osfp::OsEntry& entry = database.entries[match.entry];
    verdict.matches.push_back({.name = entry.name,
                               .accuracy = match.score.percent(),
                               .line = entry.line,
                               .classes = entry.classes});
  }
  // Those that are perfect may be more than reports name.
  if (verdict.state == OsState::Matches && verdict.matches.empty()) {
    verdict.state = OsState::TooMany;
  }
  verdict.summary = osfp::summarise(database, found, detail);
  return verdict;
}

OsVerdict judge_round(const osfp::Round6& round, const osfp::OsModel6& model) {
  OsVerdict verdict;
  const osfp::Fingerprint6 fingerprint = osfp::Fingerprint6::of(round);
  verdict.fingerprint6 = fingerprint.print();
  verdict.answers6 = static_cast<std::size_t>(
      std::ranges::count_if(fingerprint.lines, [](const auto& line) { return line.has_value(); }));
  verdict.analysis.hops = osfp::hops_of(round);
  const auto scores = model.score(osfp::features_of(fingerprint));
  const osfp::OsModel6::Score* const match = osfp::OsModel6::match(scores);
  if (match == nullptr) return verdict;
  verdict.state = OsState::Matches;
  // As a database of one entry, for the words of reports.
  osfp::OsDatabase database;
  osfp::OsEntry& entry = database.entries.emplace_back();
  entry.name = match->os->name;
  entry.line = match->os->line;
  entry.classes = match->os->classes;
  const osfp::OsScore full{.matched = 1, .possible = 1};
  const osfp::OsMatches found{.outcome = osfp::OsOutcome::Perfect,
                              .matches = {{.entry = 0, .score = full}}};
  verdict.best = full;
  constexpr double kPercent = 100;
  verdict.matches.push_back(
      {.name = entry.name,
       .accuracy = static_cast<unsigned>(std::lround(match->probability * kPercent)),
       .line = entry.line,
       .classes = entry.classes});
  verdict.summary = osfp::summarise(database, found, osfp::OsDetail::Plain);
  return verdict;
}

Result<std::unique_ptr<OsJudge>> OsJudgeThread::open(OpenOsScorer scorer, osfp::OsDetail detail) {
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) {
    return fail(ExitCode::Runtime, fmt::format("eventfd: {}", std::strerror(errno)));
  }
  return std::unique_ptr<OsJudge>{new OsJudgeThread{std::move(scorer), detail, event}};
}

OsJudgeThread::OsJudgeThread(OpenOsScorer scorer, osfp::OsDetail detail, int event)
    : scorer_{std::move(scorer)}, detail_{detail}, event_{event} {
  // Signals are for the thread that scans.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

OsJudgeThread::~OsJudgeThread() {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  wanted_.notify_all();
  thread_.join();
  ::close(event_);
}

void OsJudgeThread::judge(std::uint64_t id, osfp::Round round) {
  {
    const std::lock_guard lock{mutex_};
    rounds_.emplace_back(id, std::move(round));
  }
  wanted_.notify_one();
}

OsJudge::News OsJudgeThread::take() {
  const std::lock_guard lock{mutex_};
  if (std::exchange(has_told_, false)) {
    std::uint64_t count = 0;
    (void)!::read(event_, &count, sizeof(count));
  }
  return std::exchange(news_, {});
}

void OsJudgeThread::tell(const std::function<void()>& add) {
  const std::lock_guard lock{mutex_};
  add();
  if (std::exchange(has_told_, true)) return;
  const std::uint64_t one = 1;
  (void)!::write(event_, &one, sizeof(one));
}

void OsJudgeThread::work() {
  const auto scorer =
      scorer_([this](std::string_view text) { tell([&] { news_.warnings.emplace_back(text); }); });
  if (!scorer) {
    tell([&] { news_.failure = scorer.error().message; });
    return;
  }
  for (;;) {
    std::unique_lock lock{mutex_};
    wanted_.wait(lock, [this] { return is_over_ || !rounds_.empty(); });
    if (is_over_) return;
    const auto [id, round] = std::move(rounds_.front());
    rounds_.pop_front();
    lock.unlock();
    OsVerdict verdict = judge_round(round, **scorer, detail_);
    verdict.id = id;
    tell([&] { news_.verdicts.push_back(std::move(verdict)); });
  }
}

}  // namespace trawl::control
