#include "control/audit/engine/script_stage.h"

#include <chrono>
#include <iterator>

#include "dataplane/packet/raw_network.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLargestGroup = 256;
constexpr Moment kPatience{1'000'000};  // With hosts that could still join a group.

template <typename Item>
void append(std::vector<Item>& to, std::vector<Item>&& more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

}  // namespace

void ScriptStage::begin() {
  has_begun_ = runner_->is_quiet();
  if (has_begun_) return;
  beginnings_.emplace_back();
  ++running_;
  runner_->run_before_hosts();
}

void ScriptStage::join(ScriptedHost host, Moment now) {
  here_.insert(host.id);
  if (!oldest_) oldest_ = now;
  waiting_.push_back(std::move(host));
}

void ScriptStage::forget(std::uint64_t host) {
  if (here_.erase(host) == 0) return;
  std::erase_if(waiting_, [host](const ScriptedHost& one) { return one.id == host; });
  if (waiting_.empty()) oldest_.reset();
  runner_->drop(host);
}

void ScriptStage::take_news() {
  ScriptRunner::News news = runner_->take();
  for (ScriptedHost& host : news.hosts) {
    if (here_.erase(host.id) > 0) ends_.push_back(std::move(host));
  }
  for (const Phase phase : news.over) {
    has_begun_ = true;
    --running_;
    is_over_ = is_over_ || phase == Phase::After;
    phase_ends_.push_back(phase);
  }
  append(findings_, std::move(news.findings));
  append(lines_, std::move(news.said.lines));
  append(targets_, std::move(news.said.targets));
  append(debug_, std::move(news.debug));
  append(trace_, std::move(news.trace));
}

bool ScriptStage::may_begin(Moment now, bool others) const noexcept {
  if (!has_begun_ || running_ > 0 || is_stopped_ || waiting_.empty()) return false;
  return !others || waiting_.size() >= kLargestGroup || now >= *oldest_ + kPatience;
}

void ScriptStage::turn(Moment now, bool others) {
  take_news();
  if (!may_begin(now, others)) return;
  Beginning beginning{.phase = Phase::Hosts};
  for (const ScriptedHost& host : waiting_) beginning.hosts.push_back(host.report.ip.to_string());
  beginnings_.push_back(std::move(beginning));
  ++running_;
  oldest_.reset();
  runner_->run(std::exchange(waiting_, {}));
}

void ScriptStage::finish() {
  is_finishing_ = true;
  is_over_ = runner_->is_quiet();
  if (is_over_) return;
  ++running_;
  beginnings_.push_back({.phase = Phase::After});
  runner_->run_after_hosts();
}

void ScriptStage::stop() {
  constexpr std::chrono::seconds kMost{3};
  is_stopped_ = true;
  runner_->stop();
  const auto until = std::chrono::steady_clock::now() + kMost;
  take_news();
  while (running_ > 0 && std::chrono::steady_clock::now() < until) {
    const int fd = runner_->fd();
    dataplane::wait_for({&fd, 1}, std::chrono::milliseconds{50});
    take_news();
  }
}

std::vector<std::string> ScriptStage::take_targets() {
  std::vector<std::string> taken = std::exchange(targets_, {});
  if (taken.empty()) return taken;
  runner_->heed_targets();
  if (is_finishing_) return {};  // Behind all hosts there are no more, as in Nmap.
  std::erase_if(
      taken, [this](const std::string& target) { return !known_targets_.insert(target).second; });
  return taken;
}

}  // namespace trawl::control
