#include <algorithm>
#include <stdexcept>

#include "nse/engine/engine_impl.h"

namespace trawl::nse {
namespace {

constexpr service::Wait kLongestTurn = std::chrono::milliseconds{250};
constexpr int kMostStarts =
    64;  // Between turns of the loop, for those that run already wait for it.
constexpr std::array kHostRules{Rule::Host, Rule::Port};
constexpr std::array kPreRules{Rule::Pre};
constexpr std::array kPostRules{Rule::Post};

// How many tasks the scripts have, of whatever level.
std::size_t count_tasks(const std::vector<std::unique_ptr<Script>>& scripts,
                        std::span<const Rule> rules, std::span<ScriptHost* const> hosts) {
  std::size_t ports = 0;
  for (const ScriptHost* host : hosts) ports += host->ports().size();
  std::size_t count = 0;
  for (const auto& script : scripts) {
    for (const Rule rule : rules) {
      if (!script->has(rule)) continue;
      count += rule == Rule::Port ? ports : rule == Rule::Host ? hosts.size() : 1;
    }
  }
  return count;
}

}  // namespace

std::size_t TaskQueue::ports_of(Rule rule) const {
  return rule == Rule::Port ? hosts_[host_].ports.size() : 1;
}

std::optional<Task> TaskQueue::next() {
  for (; host_ < hosts_.size(); ++host_, script_ = 0) {
    for (; script_ < scripts_.size(); ++script_, rule_ = 0) {
      for (; rule_ < rules_.size(); ++rule_, port_ = 0) {
        const Rule rule = rules_[rule_];
        if (!scripts_[script_]->has(rule) || port_ >= ports_of(rule)) continue;
        return Task{scripts_[script_], rule, &hosts_[host_], port_++};
      }
    }
  }
  return {};
}

void Engine::run_before_hosts() { impl_->run_levels(kPreRules, {}); }
void Engine::run_after_hosts() { impl_->run_levels(kPostRules, {}); }
void Engine::run_hosts(std::span<ScriptHost* const> hosts) { impl_->run_levels(kHostRules, hosts); }

void Engine::Impl::run_levels(std::span<const Rule> rules, std::span<ScriptHost* const> hosts) {
  asked = count_tasks(scripts, rules, hosts);
  over = 0;
  int highest = 0;
  for (const auto& script : scripts) highest = std::max(highest, script->level);
  for (int level = 1; level <= highest && !stopping; ++level) {
    std::vector<const Script*> now;
    for (const auto& script : scripts) {
      const bool has_rule =
          std::any_of(rules.begin(), rules.end(), [&](Rule rule) { return script->has(rule); });
      if (script->level == level && has_rule) now.push_back(script.get());
    }
    if (now.empty()) continue;
    // Anew for each level: the scripts of the one before may have changed ports.
    std::vector<LevelHost> level_hosts;
    if (rules.front() == Rule::Host) {
      push_tables(level_hosts, hosts);
    } else {
      level_hosts.emplace_back();
    }
    TaskQueue queue{std::move(now), rules, level_hosts};
    run_level(queue);
    drop_tables(level_hosts);
  }
}

void Engine::Impl::push_tables(std::vector<LevelHost>& level, std::span<ScriptHost* const> hosts) {
  for (ScriptHost* const host : hosts) {
    LevelHost& one = level.emplace_back();
    one.host = host;
    one.ports = host->ports();
    const auto error = run_protected(state.get(), [&](lua_State* lua) {
      host->push_host(lua);
      one.table = luaL_ref(lua, LUA_REGISTRYINDEX);
      for (const ScriptPort& port : one.ports) {
        host->push_port(lua, port);
        one.port_tables.push_back(luaL_ref(lua, LUA_REGISTRYINDEX));
      }
    });
    if (!error) continue;
    tell(ScriptNote::Kind::Failed, host->name(), *error);
    drop_tables(std::span{&one, 1});
    level.pop_back();
  }
}

void Engine::Impl::drop_tables(std::span<const LevelHost> level) {
  for (const LevelHost& host : level) {
    luaL_unref(state.get(), LUA_REGISTRYINDEX, host.table);
    for (const int table : host.port_tables) luaL_unref(state.get(), LUA_REGISTRYINDEX, table);
  }
}

void Engine::Impl::run_level(TaskQueue& queue) {
  std::optional<Task> next = queue.next();
  while (!stopping && (next || !threads.empty())) {
    for (int i = 0; i < kMostStarts && next && threads.size() < settings.limits.threads; ++i) {
      if (is_dropped(next->host->host)) {
        ++over;
      } else {
        start(*next);
      }
      next = queue.next();
    }
    run_ready();
    if (threads.empty()) {
      if (settings.turned) settings.turned();
      continue;
    }
    const bool full = threads.size() >= settings.limits.threads;
    const bool idle = state.context().ready.empty() && (!next || full);
    const bool pending = loop.turn(idle ? kLongestTurn : service::Wait{0});
    if (idle && !pending && state.context().ready.empty()) end_stuck_ones();
    end_late_ones();
    if (settings.turned) settings.turned();
  }
  if (stopping) end_all();
  drop_orphans();
}

// Those that are ready now; what becomes ready meanwhile comes after the loop's next turn.
void Engine::Impl::run_ready() {
  auto& ready = state.context().ready;
  for (std::size_t left = ready.size(); left > 0 && !ready.empty(); --left) {
    const auto thread = std::static_pointer_cast<ScriptThread>(ready.front().lock());
    ready.pop_front();
    if (thread != nullptr && !thread->over() && thread->ready()) step(thread);
  }
}

void Engine::Impl::end_late_ones() {
  const auto now = ScriptThread::Clock::now();
  for (Threads* all : {&threads, &workers}) {
    std::vector<std::shared_ptr<ScriptThread>> late;
    std::copy_if(all->begin(), all->end(), std::back_inserter(late), [now](const auto& thread) {
      return thread->deadline < now || is_dropped(thread->host);
    });
    for (const auto& thread : late) {
      thread->kill();
      reset_hook();
      if (!thread->worker) {
        ++statistics.timed_out;
        tell(ScriptNote::Kind::TimedOut, thread->title());
      }
      end(thread);
    }
  }
}

// Nothing is to come: they wait for each other, for a mutex or a condition.
void Engine::Impl::end_stuck_ones() {
  for (Threads* all : {&workers, &threads}) {
    const Threads stuck = *all;
    for (const auto& thread : stuck) {
      if (thread->ready()) continue;
      thread->kill();
      reset_hook();
      if (!thread->worker) {
        ++statistics.failed;
        tell(ScriptNote::Kind::Failed, thread->title(), "waits for what nobody does any more");
      }
      end(thread);
      if (!state.context().ready.empty()) return;  // That woke another.
    }
  }
}

void Engine::Impl::end_all() {
  while (!threads.empty()) {
    const auto thread = *threads.begin();
    thread->kill();
    reset_hook();
    end(thread);
  }
}

void Engine::Impl::drop_orphans() {
  while (!workers.empty()) {
    ++statistics.orphans;
    end(*workers.begin());
  }
}

void Engine::stop() noexcept { impl_->stopping = true; }

Engine::Progress Engine::progress(std::size_t slowest) const {
  Progress progress{.rules = impl_->asked, .over = impl_->over};
  std::vector<const ScriptThread*> running;
  for (const auto& thread : impl_->threads) running.push_back(thread.get());
  slowest = std::min(slowest, running.size());
  std::partial_sort(running.begin(), running.begin() + static_cast<std::ptrdiff_t>(slowest),
                    running.end(), [](auto* a, auto* b) { return a->begun < b->begun; });
  const auto now = ScriptThread::Clock::now();
  for (std::size_t i = 0; i < slowest; ++i) {
    progress.slowest.emplace_back(
        running[i]->title(),
        std::chrono::duration_cast<std::chrono::milliseconds>(now - running[i]->begun));
  }
  return progress;
}

}  // namespace trawl::nse
