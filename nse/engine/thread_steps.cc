#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "nse/engine/engine_impl.h"
#include "nse/engine/output_from_lua.h"

namespace trawl::nse {
namespace {

constexpr int kMostLevels = 30;
constexpr int kEnvironment = 1;  // Where in a thread's record; host and port stand behind it.

// Pushes a copy of the table on top of the stack in its place, and of those in it, but for those
// that are objects and for `registry`, which all share.
void copy_table(lua_State* lua, int level) {
  if (level == kMostLevels) luaL_error(lua, "host or port table too deep");
  luaL_checkstack(lua, 6, "host or port table too deep");
  const int from = lua_gettop(lua);
  lua_newtable(lua);
  for (lua_pushnil(lua); lua_next(lua, from) != 0;) {
    const bool shared =
        lua_type(lua, -2) == LUA_TSTRING && std::string_view{"registry"} == lua_tostring(lua, -2);
    if (!shared && lua_istable(lua, -1) && lua_getmetatable(lua, -1) == 0) {
      copy_table(lua, level + 1);
    } else if (!shared && lua_istable(lua, -1)) {
      lua_settop(lua, from + 3);
    }
    lua_pushvalue(lua, -2);
    lua_insert(lua, -2);
    lua_rawset(lua, from + 1);
  }
  lua_remove(lua, from);
}

// Pushes what the rule and the action get.
int push_arguments_of(lua_State* lua, const Task& task) {
  if (task.host->host == nullptr) return 0;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, task.host->table);
  copy_table(lua, 0);
  if (task.rule != Rule::Port) return 1;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, task.host->port_tables[task.port]);
  copy_table(lua, 0);
  return 2;
}

}  // namespace

ScriptThread* running_thread(lua_State* lua) noexcept {
  LuaContext* const context = context_of(lua);
  return context == nullptr ? nullptr : static_cast<ScriptThread*>(context->running);
}

std::string ScriptThread::title() const {
  if (host == nullptr) return script->id;
  if (!port) return fmt::format("{} against {}", script->id, host->name());
  return fmt::format("{} against {}:{}", script->id, host->name(), port->number);
}

void Engine::Impl::tell(ScriptNote::Kind kind, std::string title, std::string text) const {
  constexpr std::size_t kMostText = std::size_t{64} << 10U;
  if (text.size() > kMostText) text.resize(kMostText);
  if (settings.note) settings.note({kind, std::move(title), std::move(text)});
}

// With an instance of the script, and nothing to do yet.
std::shared_ptr<ScriptThread> Engine::Impl::make_thread(const Script& script, Rule rule) {
  std::shared_ptr<ScriptThread> thread;
  busy_with = &script;
  const auto error = run_protected(state.get(), [&](lua_State* lua) {
    lua_createtable(lua, 3, 0);
    push_instance(lua, script, rule);
    lua_rawseti(lua, -2, kEnvironment);
    lua_pushcfunction(lua, [](lua_State*) { return 0; });
    thread = std::make_shared<ScriptThread>(lua, 0);
    thread->record = luaL_ref(lua, LUA_REGISTRYINDEX);
  });
  busy_with = nullptr;
  reset_hook();
  if (error) {
    tell(ScriptNote::Kind::Failed, script.id, *error);
    return nullptr;
  }
  thread->script = &script;
  return thread;
}

bool Engine::Impl::begin_rule(ScriptThread& thread, const Task& task) {
  thread.rule = task.rule;
  thread.host = task.host->host;
  thread.port.reset();
  if (task.rule == Rule::Port) thread.port = task.host->ports[task.port];
  thread.in_rule = true;
  const auto error = run_protected(state.get(), [&](lua_State* lua) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, thread.record);
    lua_rawgeti(lua, 1, kEnvironment);
    lua_pushstring(lua, rule_name(task.rule).data());
    lua_setfield(lua, 2, "SCRIPT_TYPE");
    const int arguments = push_arguments_of(lua, task);
    for (int i = 0; i < 2; ++i) {
      lua_pushvalue(lua, 3 + i);
      lua_rawseti(lua, 1, kEnvironment + 1 + i);  // The action gets the same ones.
    }
    lua_settop(lua, 2 + arguments);
    lua_pushstring(lua, rule_name(task.rule).data());
    lua_rawget(lua, 2);
    lua_insert(lua, 3);
    thread.begin_again(lua, arguments);
  });
  if (error) tell(ScriptNote::Kind::Failed, thread.title(), *error);
  return !error;
}

bool Engine::Impl::begin_action(ScriptThread& thread) {
  thread.in_rule = false;
  const auto error = run_protected(state.get(), [&](lua_State* lua) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, thread.record);
    lua_rawgeti(lua, 1, kEnvironment);
    lua_pushliteral(lua, "action");
    lua_rawget(lua, 2);
    const int arguments = thread.host == nullptr ? 0 : thread.port ? 2 : 1;
    for (int i = 0; i < arguments; ++i) lua_rawgeti(lua, 1, kEnvironment + 1 + i);
    thread.begin_again(lua, arguments);
  });
  if (error) tell(ScriptNote::Kind::Failed, thread.title(), *error);
  return !error;
}

// An instance whose rule said no serves the next host or port: to make one means to run its file.
std::shared_ptr<ScriptThread> Engine::Impl::prepare(const Task& task) {
  std::shared_ptr<ScriptThread> thread;
  if (const auto spare = spares.find(task.script); spare != spares.end()) {
    thread = std::move(spare->second);
    spares.erase(spare);
  } else {
    thread = make_thread(*task.script, task.rule);
  }
  if (thread == nullptr) return nullptr;
  const auto timeout = settings.limits.script_timeout;
  thread->begun = ScriptThread::Clock::now();
  thread->deadline =
      timeout.count() == 0 ? ScriptThread::Clock::time_point::max() : thread->begun + timeout;
  if (begin_rule(*thread, task)) return thread;
  end(thread);
  return nullptr;
}

void Engine::Impl::start(const Task& task) {
  const auto thread = prepare(task);
  if (thread == nullptr) {
    ++over;
    return;
  }
  threads.insert(thread);
  statistics.most_at_once = std::max(statistics.most_at_once, threads.size());
  step(thread);
}

void Engine::Impl::step(const std::shared_ptr<ScriptThread>& thread) {
  thread->instructions = 0;
  const auto became = thread->run();
  reset_hook();  // An error object may have run code when it was asked what it is.
  switch (became) {
    case LuaThread::State::Suspended: return;
    case LuaThread::State::Finished:
      if (thread->worker) return end(thread);
      return thread->in_rule ? settle_rule(thread) : settle_action(thread);
    default: return settle_failure(thread);
  }
}

void Engine::Impl::settle_rule(const std::shared_ptr<ScriptThread>& thread) {
  const bool is_true = lua_toboolean(thread->lua(), 1) != 0;
  if (!is_true && !thread->script->forced) {
    thread->finish();
    threads.erase(thread);
    ++over;
    spares[thread->script] = thread;
    return;
  }
  ++statistics.started;
  tell(ScriptNote::Kind::Started, thread->title());
  if (!begin_action(*thread)) return end(thread);
  step(thread);
}

void Engine::Impl::settle_action(const std::shared_ptr<ScriptThread>& thread) {
  std::optional<ScriptOutput> output;
  lua_settop(thread->lua(), 2);
  busy_with = thread->script;
  const auto read = [](lua_State* lua) {
    *static_cast<std::optional<ScriptOutput>*>(lua_touserdata(lua, 1)) = output_from_lua(lua, 2);
    return 0;
  };
  lua_State* const lua = state.get();
  lua_pushcfunction(lua, read);
  lua_pushlightuserdata(lua, &output);
  lua_xmove(thread->lua(), lua, 2);
  const auto error = call_protected(lua, 3, 0);
  if (error) lua_pop(lua, 1);
  busy_with = nullptr;
  reset_hook();
  if (error) {
    tell(ScriptNote::Kind::Failed, thread->title(), "output: " + *error);
    output.emplace();
  }
  ++statistics.finished;
  tell(ScriptNote::Kind::Finished, thread->title());
  if (output) give_result(*thread, std::move(*output));
  end(thread);
}

void Engine::Impl::settle_failure(const std::shared_ptr<ScriptThread>& thread) {
  const bool quiet = !thread->stray_yield() && is_quiet_error(thread->lua(), -1);
  const bool late = thread->doom == kTimeoutDoom;
  if (late && !thread->worker) {
    ++statistics.timed_out;
    tell(ScriptNote::Kind::TimedOut, thread->title());
  } else if (!quiet && !late && thread->doom != kDropDoom) {
    ++statistics.failed;
    tell(ScriptNote::Kind::Failed, thread->title(), thread->traceback());
    if (!thread->worker && !thread->in_rule && !thread->stray_yield()) {
      give_result(*thread, {.text = "ERROR: Script execution failed (use -d to debug)"});
    }
  }
  end(thread);
}

void Engine::Impl::give_result(const ScriptThread& thread, ScriptOutput output) {
  if (!settings.result) return;
  settings.result({*thread.script, thread.rule, thread.host, thread.port, std::move(output)});
}

void Engine::Impl::end(const std::shared_ptr<ScriptThread>& thread) {
  const auto kept = thread;  // It may be that of the set it is taken from.
  // Results would have coroutine.status take it for one that was never begun.
  if (kept->state() == LuaThread::State::Finished) lua_settop(kept->lua(), 0);
  over += threads.erase(kept);
  workers.erase(kept);
  kept->finish();
  luaL_unref(state.get(), LUA_REGISTRYINDEX, kept->record);
  kept->record = LUA_NOREF;
}

Result<bool> Engine::ask_rule(const Script& script, Rule rule, ScriptHost* host,
                              const std::optional<ScriptPort>& port) {
  std::vector<LevelHost> level;
  if (host == nullptr) {
    level.emplace_back();
  } else {
    impl_->push_tables(level, std::array{host});
  }
  Task task{&script, rule, level.empty() ? nullptr : &level.front(), 0};
  if (port && host != nullptr && !level.empty()) {
    const auto& ports = level.front().ports;
    while (task.port < ports.size() && (ports[task.port].number != port->number ||
                                        ports[task.port].protocol != port->protocol)) {
      ++task.port;
    }
    if (task.port == ports.size()) task.host = nullptr;
  }
  Result<bool> answer = fail(ExitCode::Runtime, script.id + ": no such host or port");
  const auto thread = task.host == nullptr ? nullptr : impl_->prepare(task);
  if (thread != nullptr) {
    const auto became = thread->run();
    if (became == LuaThread::State::Finished) {
      answer = lua_toboolean(thread->lua(), 1) != 0;
    } else {
      answer = fail(ExitCode::Runtime, became == LuaThread::State::Failed
                                           ? thread->traceback()
                                           : script.id + ": the rule waits");
      thread->kill();
    }
    impl_->end(thread);
  }
  impl_->drop_tables(level);
  return answer;
}

}  // namespace trawl::nse
