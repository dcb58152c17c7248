#pragma once

#include <atomic>
#include <map>
#include <set>

#include "nse/engine/engine.h"
#include "nse/engine/environment.h"
#include "nse/lua/lua_state.h"

namespace trawl::nse {

// A host of the run level that runs: its tables are in Lua's registry, for each thread copies them.
struct LevelHost {
  ScriptHost* host = nullptr;
  int table = LUA_NOREF;
  std::vector<ScriptPort> ports{};
  std::vector<int> port_tables{};
};

// One rule of a script against one host or port.
struct Task {
  const Script* script = nullptr;
  Rule rule = Rule::Pre;
  const LevelHost* host = nullptr;
  std::size_t port = 0;
};

// Which tasks a run level has: made one by one, for there are many. Host by host, script by script,
// its host rule first and then its ports in their order.
class TaskQueue {
 public:
  TaskQueue(std::vector<const Script*> scripts, std::span<const Rule> rules,
            const std::vector<LevelHost>& hosts)
      : scripts_{std::move(scripts)}, rules_{rules}, hosts_{hosts} {}
  [[nodiscard]] std::optional<Task> next();

 private:
  [[nodiscard]] std::size_t ports_of(Rule rule) const;

  std::vector<const Script*> scripts_;
  std::span<const Rule> rules_;
  const std::vector<LevelHost>& hosts_;
  std::size_t host_ = 0, script_ = 0, rule_ = 0, port_ = 0;
};

inline constexpr std::string_view kTimeoutDoom = "script timeout";
inline constexpr std::string_view kDropDoom = "the scan does without it";

[[nodiscard]] inline bool is_dropped(const ScriptHost* host) noexcept {
  return host != nullptr && host->is_dropped();
}

struct Engine::Impl {
  using Threads = std::set<std::shared_ptr<ScriptThread>>;

  Impl(service::Loop& around, EngineSettings given)
      : loop{around}, settings{std::move(given)}, state{settings.limits.memory_bytes} {}
  ~Impl();

  // engine_setup.cc
  [[nodiscard]] Result<void> set_up(Engine& engine, std::span<const NativeModule> modules);
  [[nodiscard]] bool is_trusted(const std::filesystem::path& path) const;
  void on_hook(lua_State* lua, std::uint64_t count);
  void reset_hook();

  // level_run.cc
  void run_levels(std::span<const Rule> rules, std::span<ScriptHost* const> hosts);
  void run_level(TaskQueue& queue);
  void push_tables(std::vector<LevelHost>& level, std::span<ScriptHost* const> hosts);
  void drop_tables(std::span<const LevelHost> level);
  void run_ready();
  void end_late_ones();
  void end_stuck_ones();
  void end_all();
  void drop_orphans();

  // thread_steps.cc
  void start(const Task& task);
  // nullptr where an error was told.
  [[nodiscard]] std::shared_ptr<ScriptThread> prepare(const Task& task);
  [[nodiscard]] std::shared_ptr<ScriptThread> make_thread(const Script& script, Rule rule);
  [[nodiscard]] bool begin_rule(ScriptThread& thread, const Task& task);
  [[nodiscard]] bool begin_action(ScriptThread& thread);
  void step(const std::shared_ptr<ScriptThread>& thread);
  void settle_rule(const std::shared_ptr<ScriptThread>& thread);
  void settle_action(const std::shared_ptr<ScriptThread>& thread);
  void settle_failure(const std::shared_ptr<ScriptThread>& thread);
  void end(const std::shared_ptr<ScriptThread>& thread);
  void give_result(const ScriptThread& thread, ScriptOutput output);
  void tell(ScriptNote::Kind kind, std::string title, std::string text = {}) const;

  service::Loop& loop;
  EngineSettings settings;
  LibrarySettings libraries{};
  LuaState state;
  const Script* busy_with = nullptr;  // Whose file is loaded, or whose output is read.
  std::vector<std::unique_ptr<Script>> scripts{};
  Threads threads{};  // Started and not ended, without workers.
  Threads workers{};
  std::map<const Script*, std::shared_ptr<ScriptThread>> spares{};
  std::uint64_t instructions = 0;  // Of code that no thread runs.
  Statistics statistics{};
  std::size_t asked = 0, over = 0;  // See Progress: rules and over.
  std::atomic<bool> stopping = false;
};

}  // namespace trawl::nse
