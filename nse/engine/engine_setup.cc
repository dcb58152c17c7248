#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nse/engine/engine_impl.h"
#include "nse/engine/run_levels.h"
#include "nse/engine/synchronisation.h"
#include "nse/engine/thread_functions.h"

namespace trawl::nse {
namespace {

constexpr int kHookInterval = 100'000;  // Instructions.

// The table nmap is on top of the stack.
void complete_nmap(lua_State* lua, const ArgumentTable& arguments) {
  luaL_getsubtable(lua, -1, "registry");
  push_arguments(lua, arguments);
  lua_setfield(lua, -2, "args");
  lua_pop(lua, 1);
  lua_pushcfunction(lua, make_mutex);
  lua_setfield(lua, -2, "mutex");
  lua_pushcfunction(lua, make_condvar);
  lua_setfield(lua, -2, "condvar");
  luaL_getsubtable(lua, -1, "socket");
  lua_pushcfunction(lua, sleep_script);
  lua_setfield(lua, -2, "sleep");
  lua_pop(lua, 1);
}

void open_modules(lua_State* lua, std::span<const NativeModule> modules) {
  for (const NativeModule& module : modules) {
    luaL_requiref(lua, module.name, module.open, module.is_global ? 1 : 0);
    lua_pop(lua, 1);
  }
  luaL_getsubtable(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_getsubtable(lua, -1, "nmap");
  lua_pushvalue(lua, -1);
  lua_setglobal(lua, "nmap");
}

bool is_below(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto [at, end] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  static_cast<void>(end);
  return at == folder.end() || at->empty();  // Empty: the folder ends in '/'.
}

}  // namespace

Result<void> Engine::Impl::set_up(Engine& engine, std::span<const NativeModule> modules) {
  LuaContext& context = state.context();
  context.engine = &engine;
  context.on_hook = [this](lua_State* lua, std::uint64_t count) { on_hook(lua, count); };
  reset_hook();
  libraries.folders = settings.library_folders;
  libraries.stdnse = {{"silent_require", silent_require},
                      {"new_thread", new_thread},
                      {"base", base_coroutine},
                      {"gettid", thread_name},
                      {"isworker", is_worker},
                      {"getid", script_name},
                      {"getinfo", script_details},
                      {"gethostport", host_and_port}};
  const auto error = run_protected(state.get(), [&](lua_State* lua) {
    install_libraries(lua, &libraries);
    open_modules(lua, modules);
    complete_nmap(lua, settings.arguments);
    install_bounds(lua);
    install_guards(lua);
    make_globals_strict(lua);
  });
  if (error) return fail(ExitCode::Runtime, fmt::format("script engine: {}", *error));
  return {};
}

bool Engine::Impl::is_trusted(const std::filesystem::path& path) const {
  std::error_code none;
  const auto real = std::filesystem::weakly_canonical(path, none);
  return !settings.sandboxes_others ||
         std::any_of(settings.trusted_folders.begin(), settings.trusted_folders.end(),
                     [&](const std::filesystem::path& folder) {
                       return is_below(real, std::filesystem::weakly_canonical(folder, none));
                     });
}

void Engine::Impl::reset_hook() {
  instructions = 0;
  state.set_hook_interval(kHookInterval);
}

// Raises an error where a thread has run for too long. It may be caught: then the next instruction
// raises it again.
void Engine::Impl::on_hook(lua_State* lua, std::uint64_t passed) {
  auto* const thread = static_cast<ScriptThread*>(state.context().running);
  std::uint64_t& count = thread == nullptr ? instructions : thread->instructions;
  count += passed;
  const std::uint64_t limit = settings.limits.instructions;
  std::string doom;
  if (thread != nullptr && !thread->doom.empty()) {
    doom = thread->doom;
  } else if (thread != nullptr && (stopping || is_dropped(thread->host))) {
    doom = kDropDoom;
  } else if (limit != 0 && count > limit) {
    doom = fmt::format("script ended: {} instructions without waiting once", limit);
  } else if (thread != nullptr && thread->deadline < ScriptThread::Clock::now()) {
    doom = kTimeoutDoom;
  } else {
    return;
  }
  if (thread != nullptr) thread->doom = doom;
  const lua_Hook hook = lua_gethook(lua);
  lua_sethook(lua, hook, LUA_MASKCOUNT, 1);
  for (const Resumer* it = state.context().resumers; it != nullptr; it = it->before) {
    lua_sethook(it->lua, hook, LUA_MASKCOUNT, 1);
  }
  luaL_error(lua, "%s", doom.c_str());
}

Engine::Impl::~Impl() {
  // Their ends are told while there still is a state.
  for (Threads* all : {&threads, &workers}) {
    for (const auto& thread : std::exchange(*all, {})) thread->finish();
  }
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(service::Loop& loop, EngineSettings settings,
                                             std::span<const NativeModule> modules) {
  std::unique_ptr<Engine> engine{new Engine{std::make_unique<Impl>(loop, std::move(settings))}};
  if (auto done = engine->impl_->set_up(*engine, modules); !done) return Failure{done.error()};
  return engine;
}

Result<void> Engine::load(std::span<const ChosenScript> chosen) {
  lua_State* const lua = impl_->state.get();
  for (const auto& [script, thread] : std::exchange(impl_->spares, {})) impl_->end(thread);
  for (const auto& script : std::exchange(impl_->scripts, {})) {
    luaL_unref(lua, LUA_REGISTRYINDEX, script->factory);
  }
  std::vector<std::unique_ptr<Script>> loaded;
  std::vector<Dependent> order;
  for (const ChosenScript& one : chosen) {
    auto script = std::make_unique<Script>();
    script->sandboxed = !impl_->is_trusted(one.path);
    impl_->busy_with = script.get();
    const auto loading = load_script(lua, one, *script);
    impl_->busy_with = nullptr;
    impl_->reset_hook();
    if (!loading) return Failure{loading.error()};
    if (*loading == Loading::Skipped) {
      impl_->tell(ScriptNote::Kind::Skipped, one.path.string(), "a library it needs is not there");
      continue;
    }
    order.push_back({script->id, script->dependencies});
    loaded.push_back(std::move(script));
  }
  const auto levels = nse::run_levels(order);
  if (!levels) return Failure{levels.error()};
  for (std::size_t i = 0; i < loaded.size(); ++i) loaded[i]->level = (*levels)[i];
  impl_->scripts = std::move(loaded);
  return {};
}

const std::vector<std::unique_ptr<Script>>& Engine::scripts() const noexcept {
  return impl_->scripts;
}
const Script* Engine::script_now() const noexcept {
  const ScriptThread* const thread = running_thread(impl_->state.get());
  return thread == nullptr ? impl_->busy_with : thread->script;
}
service::Loop& Engine::loop() noexcept { return impl_->loop; }
lua_State* Engine::lua() noexcept { return impl_->state.get(); }

void Engine::adopt(std::shared_ptr<ScriptThread> worker) {
  impl_->state.context().ready.push_back(worker);
  impl_->workers.insert(std::move(worker));
}

Engine::Statistics Engine::statistics() const noexcept {
  Statistics statistics = impl_->statistics;
  statistics.lua_bytes = impl_->state.bytes();
  return statistics;
}

}  // namespace trawl::nse
