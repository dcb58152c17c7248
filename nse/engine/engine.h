#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <lua.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "nse/engine/output_value.h"
#include "nse/engine/script.h"
#include "nse/engine/script_args.h"
#include "nse/engine/script_thread.h"
#include "service/nsock/loop.h"

namespace trawl::nse {

struct EngineLimits {
  std::size_t memory_bytes = std::size_t{1} << 30U;  // Of the whole state.
  // Of Lua, that a thread may run without waiting once; 0 for any number.
  std::uint64_t instructions = 10'000'000'000;
  std::chrono::milliseconds script_timeout{0};  // Of one instance of a script; 0 for none.
  std::size_t threads = 1000;                   // Instances at once, without their workers.
};

// What became of an instance of a script.
struct ScriptResult {
  const Script& script;
  Rule rule;
  ScriptHost* host = nullptr;
  std::optional<ScriptPort> port{};
  ScriptOutput output{};
};

// What a debug trace tells.
struct ScriptNote {
  enum class Kind : std::uint8_t { Skipped, Started, Finished, Failed, TimedOut };
  Kind kind;
  std::string title;   // "http-title against 198.18.0.1:80"; of Skipped, the file.
  std::string text{};  // Of Failed, the error with its traceback.
};

struct EngineSettings {
  std::vector<std::filesystem::path> library_folders{};  // "nselib": the first to have one counts.
  // Scripts below these are trusted; others run in the sandbox when `sandboxes_others`.
  std::vector<std::filesystem::path> trusted_folders{};
  bool sandboxes_others = false;
  ArgumentTable arguments{};
  EngineLimits limits{};
  std::function<void(const ScriptResult&)> result{};
  std::function<void(const ScriptNote&)> note{};
  // Called about four times a second at least while scripts run: for a progress line, or stop().
  std::function<void()> turned{};
};

// A module that require() gives, and that is a global of its name when `is_global`.
struct NativeModule {
  const char* name;
  lua_CFunction open;
  bool is_global = true;
};

// Runs scripts against hosts: one Lua state, whose registry lives as long as the engine.
//
// Thread: that of the loop.
class Engine {
 public:
  // The module "nmap" may be among the modules; the engine adds to it, or makes it: registry,
  // mutex, condvar, socket.sleep. Fails when a module does.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> open(service::Loop& loop,
                                                            EngineSettings settings,
                                                            std::span<const NativeModule> modules);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Loads the scripts in place of those before, and orders them. An error of a file comes with file
  // and line, and ends this.
  [[nodiscard]] Result<void> load(std::span<const ChosenScript> chosen);
  [[nodiscard]] const std::vector<std::unique_ptr<Script>>& scripts() const noexcept;

  // Each returns when all scripts with such a rule have ended, run level by run level.
  void run_before_hosts();
  void run_hosts(std::span<ScriptHost* const> hosts);
  void run_after_hosts();
  // Whether a rule is true, without the action; an error is told by its text. Waits for nothing.
  [[nodiscard]] Result<bool> ask_rule(const Script& script, Rule rule, ScriptHost* host,
                                      const std::optional<ScriptPort>& port);

  // Whose code runs: of a thread, or while its file is loaded or its output read. Null for none.
  [[nodiscard]] const Script* script_now() const noexcept;
  [[nodiscard]] service::Loop& loop() noexcept;
  [[nodiscard]] lua_State* lua() noexcept;
  // Has a worker run. It does not keep a run level from ending.
  void adopt(std::shared_ptr<ScriptThread> worker);

  // Ends what runs, without output, and begins nothing more: for an interrupt. From any thread.
  void stop() noexcept;

  // Of the phase that runs.
  struct Progress {
    std::size_t rules = 0;  // To be asked, of scripts and what they may run against.
    std::size_t over = 0;   // Of these: the rule said no, or the script has ended.
    // Those that have run longest, longest first, each with its time.
    std::vector<std::pair<std::string, std::chrono::milliseconds>> slowest{};
  };
  [[nodiscard]] Progress progress(std::size_t slowest) const;

  struct Statistics {
    std::size_t started = 0, finished = 0, failed = 0, timed_out = 0;
    std::size_t most_at_once = 0;
    std::size_t orphans = 0;  // Workers that their run level did not wait for.
    std::size_t lua_bytes = 0;
  };
  [[nodiscard]] Statistics statistics() const noexcept;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::nse
