#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/audit/engine/timing.h"
#include "control/scripts/script_runner.h"

namespace trawl::control {

// The hosts whose scripts are to run, in groups: those that have come while the group before ran.
// Scripts run before all hosts, too, and after them.
//
// Thread: one user.
class ScriptStage {
 public:
  using Phase = ScriptRunner::Phase;

  explicit ScriptStage(std::unique_ptr<ScriptRunner> runner) : runner_{std::move(runner)} {}

  // The scripts that run before all hosts; has_begun() when they are over.
  void begin();
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  // Its audit is over but for them. Needs a host that is not here.
  void join(ScriptedHost host, Moment now);
  // Takes in what came. A group begins when none runs, and no others (`others`: hosts at other
  // stages, or to come) can join it soon.
  void turn(Moment now, bool others);
  // Whether turn() would begin a group.
  [[nodiscard]] bool may_begin(Moment now, bool others) const noexcept;
  // Hosts whose scripts are over, once each.
  [[nodiscard]] std::vector<ScriptedHost> take_ends() { return std::exchange(ends_, {}); }
  // What is known of it is of no use any more.
  void forget(std::uint64_t host);
  // After all hosts: the scripts that run then; is_over() when they are.
  void finish();
  [[nodiscard]] bool is_finishing() const noexcept { return is_finishing_; }
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }
  // Ends what runs, and waits for what it has found, but not long.
  void stop();

  // A group, or what runs without hosts, begins.
  struct Beginning {
    Phase phase = Phase::Before;
    std::vector<std::string> hosts{};
  };
  [[nodiscard]] std::vector<Beginning> take_beginnings() { return std::exchange(beginnings_, {}); }
  [[nodiscard]] std::vector<Phase> take_phase_ends() { return std::exchange(phase_ends_, {}); }
  // Of no host: of the phase that ends.
  [[nodiscard]] std::vector<ScriptReport> take_findings() { return std::exchange(findings_, {}); }
  [[nodiscard]] std::vector<ScriptContext::Line> take_lines() { return std::exchange(lines_, {}); }
  [[nodiscard]] std::vector<std::string> take_targets();
  [[nodiscard]] std::vector<std::string> take_debug() { return std::exchange(debug_, {}); }
  [[nodiscard]] std::vector<std::string> take_trace() { return std::exchange(trace_, {}); }
  [[nodiscard]] nse::Engine::Progress progress() const { return runner_->progress(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t scripts() const noexcept { return runner_->scripts().size(); }
  [[nodiscard]] int fd() const noexcept { return runner_->fd(); }

 private:
  void take_news();

  std::unique_ptr<ScriptRunner> runner_;
  std::vector<ScriptedHost> waiting_;
  std::optional<Moment> oldest_;  // When the first of these came.
  std::unordered_set<std::uint64_t> here_;
  std::vector<ScriptedHost> ends_;
  std::vector<Beginning> beginnings_;
  std::vector<Phase> phase_ends_;
  std::vector<ScriptReport> findings_;
  std::vector<ScriptContext::Line> lines_;
  std::vector<std::string> targets_;
  std::unordered_set<std::string> known_targets_;  // That were ever taken.
  std::vector<std::string> debug_;
  std::vector<std::string> trace_;
  bool has_begun_ = false;
  unsigned running_ = 0;  // Phases that were begun and are not over.
  bool is_stopped_ = false;
  bool is_finishing_ = false;
  bool is_over_ = false;
};

}  // namespace trawl::control
