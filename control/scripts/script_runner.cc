#include "control/scripts/script_runner.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <system_error>

#include "nse/module/native_modules.h"

namespace trawl::control {
namespace {

constexpr std::size_t kSlowest = 3;  // Scripts that a progress line names.

std::string note_text(const nse::ScriptNote& note) {
  using enum nse::ScriptNote::Kind;
  switch (note.kind) {
    case Skipped: return fmt::format("NSE: {} is left out: {}", note.title, note.text);
    case Started: return fmt::format("NSE: Starting {}.", note.title);
    case Finished: return fmt::format("NSE: Finished {}.", note.title);
    case Failed: return fmt::format("NSE: {} threw an error!\n{}", note.title, note.text);
    case TimedOut: return fmt::format("NSE: {} timed out", note.title);
  }
  return {};
}

}  // namespace

ScriptRunner::ScriptRunner(Settings settings, int event)
    : settings_{std::move(settings)}, contexts_(settings_.cores, nullptr), event_{event} {}

Result<std::unique_ptr<ScriptRunner>> ScriptRunner::open(Settings settings) {
  const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event < 0) {
    return fail(ExitCode::Runtime, fmt::format("no descriptor for scripts: {}",
                                               std::system_category().message(errno)));
  }
  std::unique_ptr<ScriptRunner> runner{new ScriptRunner{std::move(settings), event}};
  std::promise<Result<void>> loaded;
  auto result = loaded.get_future();
  // Signals are for the thread that scans.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string failure;
  try {
    runner->thread_ = std::thread{
        [self = runner.get(), made = std::move(loaded)]() mutable { self->work(std::move(made)); }};
  } catch (const std::system_error& error) {
    failure = error.what();
  }
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!failure.empty()) {
    return fail(ExitCode::Runtime, fmt::format("no thread for scripts: {}", failure));
  }
  if (const auto made = result.get(); !made) return Failure{made.error()};
  return runner;
}

ScriptRunner::~ScriptRunner() {
  stop();
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  has_orders_.notify_one();
  if (thread_.joinable()) thread_.join();
  // What ends with the engines tells of it still.
  contexts_.clear();
  engines_.reset();
  (void)::close(event_);
}

void ScriptRunner::drop(std::uint64_t host) {
  const std::lock_guard lock{mutex_};
  if (const auto found = running_.find(host); found != running_.end()) found->second->drop();
}

void ScriptRunner::stop() noexcept {
  is_stopped_ = true;
  if (engines_) engines_->stop();
}

void ScriptRunner::give(Order order) {
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(std::move(order));
  }
  has_orders_.notify_one();
}

ScriptRunner::News ScriptRunner::take() {
  std::uint64_t count = 0;
  (void)!::read(event_, &count, sizeof count);
  News news;
  {
    const std::lock_guard lock{mutex_};
    news = std::exchange(news_, {});
  }
  for (ScriptContext* const context : contexts_) {
    ScriptContext::Said said = context->take();
    std::ranges::move(said.lines, std::back_inserter(news.said.lines));
    std::ranges::move(said.targets, std::back_inserter(news.said.targets));
  }
  return news;
}

void ScriptRunner::heed_targets() {
  for (ScriptContext* const context : contexts_) context->heed();
}

nse::Engine::Progress ScriptRunner::progress() const {
  const std::lock_guard lock{mutex_};
  return progress_;
}

void ScriptRunner::ring() noexcept {
  const std::uint64_t one = 1;
  (void)!::write(event_, &one, sizeof one);
}

Result<std::unique_ptr<service::Loop>> ScriptRunner::make_loop() {
  service::LoopOptions options = settings_.loop;
  if (settings_.traces) {
    options.trace = [this](std::string_view line) {
      const std::lock_guard lock{mutex_};
      news_.trace.emplace_back(line);
    };
  }
  return service::Loop::open(std::move(options));
}

Result<void> ScriptRunner::make_engines() {
  nse::EnginePool::Settings settings{.cores = settings_.cores, .engine = settings_.engine};
  settings.engine.result = [this](const nse::ScriptResult& result) { take_result(result); };
  settings.engine.note = [this](const nse::ScriptNote& note) { take_note(note); };
  settings.engine.turned = [this] { turned(); };
  const auto modules = nse::native_modules();
  settings.modules.assign(modules.begin(), modules.end());
  settings.loop = [this](std::size_t) { return make_loop(); };
  settings.context = [this](std::size_t core) {
    auto context = std::make_unique<ScriptContext>(settings_.scope, [this] { ring(); });
    contexts_[core] = context.get();
    return context;
  };
  settings.dealt = [this](std::size_t core, std::span<nse::ScriptHost* const> hosts) {
    contexts_[core]->set_hosts(hosts);
  };
  auto engines = nse::EnginePool::open(std::move(settings));
  if (!engines) return Failure{engines.error()};
  engines_ = std::move(*engines);
  return engines_->load(settings_.chosen);
}

void ScriptRunner::work(std::promise<Result<void>> loaded) {
  if (const auto made = make_engines(); !made) {
    loaded.set_value(Failure{made.error()});
    return;
  }
  for (const auto& script : engines_->scripts()) scripts_.push_back(*script);
  loaded.set_value({});
  for (;;) {
    Order order;
    {
      std::unique_lock lock{mutex_};
      has_orders_.wait(lock, [this] { return is_over_ || !orders_.empty(); });
      if (is_over_) break;
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    follow(std::move(order));
  }
}

void ScriptRunner::follow(Order order) {
  std::vector<nse::ScriptHost*> pointers;
  for (ScriptedHost& host : order.hosts) {
    const std::uint64_t id = host.id;
    hosts_.push_back(std::make_unique<AuditedHost>(std::move(host), settings_.names));
    pointers.push_back(hosts_.back().get());
    const std::lock_guard lock{mutex_};
    running_.emplace(id, hosts_.back().get());
  }
  if (!is_stopped_) {
    switch (order.phase) {
      case Phase::Before: engines_->run_before_hosts(); break;
      case Phase::Hosts: engines_->run_hosts(pointers); break;
      case Phase::After: engines_->run_after_hosts(); break;
    }
  }
  {
    const std::lock_guard lock{mutex_};
    for (const auto& host : hosts_) news_.hosts.push_back(host->take());
    news_.over.push_back(order.phase);
    progress_ = {};
    running_.clear();
  }
  hosts_.clear();
  ring();
}

void ScriptRunner::take_result(const nse::ScriptResult& result) {
  if (settings_.is_quiet) return;
  if (result.host != nullptr) {
    static_cast<AuditedHost*>(result.host)->add(result);
    return;
  }
  const std::lock_guard lock{mutex_};
  news_.findings.push_back(report_of(result));
}

void ScriptRunner::take_note(const nse::ScriptNote& note) {
  if (!settings_.tells_notes) return;
  {
    const std::lock_guard lock{mutex_};
    news_.debug.push_back(note_text(note));
  }
  ring();
}

void ScriptRunner::turned() {
  if (is_stopped_) engines_->stop();
  constexpr std::chrono::milliseconds kEvery{100};
  const auto now = std::chrono::steady_clock::now();
  if (now < told_ + kEvery) return;
  told_ = now;
  auto progress = engines_->progress(kSlowest);
  const std::lock_guard lock{mutex_};
  progress_ = std::move(progress);
}

}  // namespace trawl::control
