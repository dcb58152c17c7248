#include "control/audit/engine/os_judge.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
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
