#include "nse/host/engine_pool.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "nse/engine/registry_merge.h"
#include "nse/host/host_module.h"

namespace trawl::nse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{250};
constexpr std::chrono::milliseconds kProgressEvery{100};
constexpr std::size_t kSlowest = 10;  // That a core tells of.

struct Core {
  std::size_t number = 0;
  // Of its thread; the last is thrown away first.
  std::unique_ptr<service::Loop> loop{};
  std::unique_ptr<HostContext> context{};
  std::unique_ptr<Engine> engine{};
  RegistrySnapshot registry{};  // As of the last merge.
  RegistryChanges changes{};
  Clock::time_point told{};
  std::vector<ScriptHost*> hosts{};
  Result<void> outcome{};  // Of the job.
  // Under the mutex of the pool.
  Engine::Progress progress{};
  bool has_job = false;
};

}  // namespace

struct EnginePool::Impl {
  using Job = std::function<Result<void>(Core&)>;

  explicit Impl(Settings given) : settings{std::move(given)} {}
  ~Impl();

  [[nodiscard]] bool is_single() const noexcept { return cores.size() == 1; }
  [[nodiscard]] Result<void> start_threads();
  void work(Core& core);
  [[nodiscard]] Result<void> run_job(const Job& job, std::span<const std::unique_ptr<Core>> on);
  [[nodiscard]] Result<void> make_engine(Core& core);
  [[nodiscard]] EngineSettings settings_of(Core& core);
  void turned(Core& core);
  void run_on_first(void (Engine::*phase)());
  void merge();
  void tell_failure(const Result<void>& outcome);

  Settings settings;
  std::vector<std::unique_ptr<Core>> cores{};
  std::vector<std::thread> threads{};
  std::atomic<bool> stopping = false;
  // Changed while no core has a job.
  bool loading = false;
  bool in_phase = false;

  std::mutex told{};  // Held while results and notes are told.
  mutable std::mutex mutex{};
  std::condition_variable has_jobs{}, has_done{};
  const Job* job = nullptr;
  std::size_t busy = 0;
  bool over = false;
};

EnginePool::Impl::~Impl() {
  if (!cores.empty()) {
    (void)run_job(
        [](Core& core) -> Result<void> {
          core.engine.reset();
          core.context.reset();
          core.loop.reset();
          return {};
        },
        cores);
  }
  {
    const std::lock_guard lock{mutex};
    over = true;
  }
  has_jobs.notify_all();
  for (std::thread& thread : threads) thread.join();
}

Result<void> EnginePool::Impl::start_threads() {
  // Signals are for the other threads of the program.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<void> result;
  try {
    for (const auto& core : cores) threads.emplace_back([this, &core] { work(*core); });
  } catch (const std::system_error& error) {
    result = fail(ExitCode::Runtime, fmt::format("threads for scripts: {}", error.what()));
  }
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!result) cores.resize(threads.size());
  return result;
}

void EnginePool::Impl::work(Core& core) {
  std::unique_lock lock{mutex};
  for (;;) {
    has_jobs.wait(lock, [&] { return over || core.has_job; });
    if (!core.has_job) return;
    const Job& mine = *job;
    lock.unlock();
    auto outcome = mine(core);
    lock.lock();
    core.outcome = std::move(outcome);
    core.has_job = false;
    if (--busy == 0) has_done.notify_one();
  }
}

// Returns when all have done it: the first failure by number.
Result<void> EnginePool::Impl::run_job(const Job& given,
                                       std::span<const std::unique_ptr<Core>> on) {
  if (threads.empty()) return on.empty() ? Result<void>{} : given(*on.front());
  std::unique_lock lock{mutex};
  job = &given;
  busy = on.size();
  for (const auto& core : on) core->has_job = true;
  has_jobs.notify_all();
  while (!has_done.wait_for(lock, kTurn, [this] { return busy == 0; })) {
    lock.unlock();
    if (in_phase && settings.engine.turned) settings.engine.turned();
    lock.lock();
  }
  for (const auto& core : on) {
    if (!core->outcome) return core->outcome;
  }
  return {};
}

EngineSettings EnginePool::Impl::settings_of(Core& core) {
  EngineSettings own = settings.engine;
  if (is_single()) return own;
  own.turned = [this, &core] { turned(core); };
  if (own.result) {
    own.result = [this](const ScriptResult& result) {
      const std::lock_guard lock{told};
      settings.engine.result(result);
    };
  }
  if (own.note) {
    own.note = [this, &core](const ScriptNote& note) {
      if (loading && core.number != 0) return;  // All load the same.
      const std::lock_guard lock{told};
      settings.engine.note(note);
    };
  }
  return own;
}

Result<void> EnginePool::Impl::make_engine(Core& core) {
  auto loop = settings.loop(core.number);
  if (!loop) return Failure{loop.error()};
  core.loop = std::move(*loop);
  if (settings.context) core.context = settings.context(core.number);
  auto engine = Engine::open(*core.loop, settings_of(core), settings.modules);
  if (!engine) return Failure{engine.error()};
  core.engine = std::move(*engine);
  return core.context == nullptr ? Result<void>{}
                                 : install_host_module(*core.engine, *core.context);
}

void EnginePool::Impl::turned(Core& core) {
  if (stopping) core.engine->stop();
  const auto now = Clock::now();
  if (now < core.told + kProgressEvery) return;
  core.told = now;
  auto progress = core.engine->progress(kSlowest);
  const std::lock_guard lock{mutex};
  core.progress = std::move(progress);
}

void EnginePool::Impl::tell_failure(const Result<void>& outcome) {
  if (outcome || !settings.engine.note) return;
  settings.engine.note(
      {ScriptNote::Kind::Failed, "registry of the cores", outcome.error().message});
}

void EnginePool::Impl::merge() {
  if (is_single() || stopping) return;
  tell_failure(run_job(
      [](Core& core) -> Result<void> {
        core.changes = {};
        const auto now = take_registry(core.engine->lua());
        if (!now) return Failure{now.error()};
        core.changes = changes_between(core.registry, *now);
        return {};
      },
      cores));
  RegistryChanges all;
  for (const auto& core : cores) add_changes(all, std::exchange(core->changes, {}));
  if (all.empty()) return;
  tell_failure(run_job(
      [&all](Core& core) -> Result<void> {
        const auto applied = apply_changes(core.engine->lua(), all);
        auto now = take_registry(core.engine->lua());
        if (now) core.registry = std::move(*now);
        return applied;
      },
      cores));
}

void EnginePool::Impl::run_on_first(void (Engine::*phase)()) {
  in_phase = true;
  (void)run_job(
      [this, phase](Core& core) -> Result<void> {
        if (stopping) core.engine->stop();
        ((*core.engine).*phase)();
        const std::lock_guard lock{mutex};
        core.progress = {};
        return {};
      },
      std::span{cores}.first(1));
  in_phase = false;
}

EnginePool::EnginePool(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
EnginePool::~EnginePool() = default;

Result<std::unique_ptr<EnginePool>> EnginePool::open(Settings settings) {
  std::unique_ptr<EnginePool> pool{new EnginePool{std::make_unique<Impl>(std::move(settings))}};
  Impl& impl = *pool->impl_;
  const std::size_t count = std::max<std::size_t>(impl.settings.cores, 1);
  for (std::size_t i = 0; i < count; ++i) {
    impl.cores.push_back(std::make_unique<Core>());
    impl.cores.back()->number = i;
  }
  if (count > 1) {
    if (auto started = impl.start_threads(); !started) return Failure{started.error()};
  }
  auto made = impl.run_job([&](Core& core) { return impl.make_engine(core); }, impl.cores);
  if (!made) return Failure{made.error()};
  return pool;
}

Result<void> EnginePool::load(std::span<const ChosenScript> chosen) {
  const bool takes = !impl_->is_single();
  impl_->loading = true;
  auto loaded = impl_->run_job(
      [&](Core& core) -> Result<void> {
        if (auto done = core.engine->load(chosen); !done || !takes) return done;
        auto registry = take_registry(core.engine->lua());
        if (!registry) return Failure{registry.error()};
        core.registry = std::move(*registry);
        return {};
      },
      impl_->cores);
  impl_->loading = false;
  return loaded;
}

const std::vector<std::unique_ptr<Script>>& EnginePool::scripts() const noexcept {
  return impl_->cores.front()->engine->scripts();
}
std::size_t EnginePool::cores() const noexcept { return impl_->cores.size(); }

void EnginePool::run_before_hosts() {
  impl_->run_on_first(&Engine::run_before_hosts);
  impl_->merge();
}

void EnginePool::run_after_hosts() { impl_->run_on_first(&Engine::run_after_hosts); }

void EnginePool::run_hosts(std::span<ScriptHost* const> hosts) {
  for (const auto& core : impl_->cores) core->hosts.clear();
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    impl_->cores[i % impl_->cores.size()]->hosts.push_back(hosts[i]);
  }
  const auto& dealt = impl_->settings.dealt;
  impl_->in_phase = true;
  (void)impl_->run_job(
      [&](Core& core) -> Result<void> {
        if (dealt) dealt(core.number, core.hosts);
        if (impl_->stopping) core.engine->stop();
        if (!core.hosts.empty()) core.engine->run_hosts(core.hosts);
        if (dealt) dealt(core.number, {});
        // What it has done still counts while others run.
        if (!impl_->is_single()) {
          auto progress = core.engine->progress(0);
          const std::lock_guard lock{impl_->mutex};
          core.progress = core.hosts.empty() ? Engine::Progress{} : std::move(progress);
        }
        return {};
      },
      impl_->cores);
  impl_->in_phase = false;
  {
    const std::lock_guard lock{impl_->mutex};
    for (const auto& core : impl_->cores) core->progress = {};
  }
  impl_->merge();
}

void EnginePool::stop() noexcept {
  impl_->stopping = true;
  for (const auto& core : impl_->cores) {
    core->engine->stop();
    core->loop->wake();
  }
}

Engine::Progress EnginePool::progress(std::size_t slowest) const {
  if (impl_->is_single()) return impl_->cores.front()->engine->progress(slowest);
  Engine::Progress all;
  const std::lock_guard lock{impl_->mutex};
  for (const auto& core : impl_->cores) {
    all.rules += core->progress.rules;
    all.over += core->progress.over;
    all.slowest.insert(all.slowest.end(), core->progress.slowest.begin(),
                       core->progress.slowest.end());
  }
  std::stable_sort(all.slowest.begin(), all.slowest.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (all.slowest.size() > slowest) all.slowest.resize(slowest);
  return all;
}

Engine::Statistics EnginePool::statistics() const noexcept {
  Engine::Statistics all;
  for (const auto& core : impl_->cores) {
    const auto one = core->engine->statistics();
    all.started += one.started;
    all.finished += one.finished;
    all.failed += one.failed;
    all.timed_out += one.timed_out;
    all.most_at_once += one.most_at_once;
    all.orphans += one.orphans;
    all.lua_bytes += one.lua_bytes;
  }
  return all;
}

}  // namespace trawl::nse
