#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nse/engine/script.h"
#include "nse/lua/lua_thread.h"

namespace trawl::nse {

// A port as rules are asked of it.
struct ScriptPort {
  std::uint16_t number = 0;
  std::string protocol = "tcp";
};

// A host of the scan, as scripts see it; implemented above the engine.
class ScriptHost {
 public:
  virtual ~ScriptHost() = default;
  // For messages: "198.18.0.1".
  [[nodiscard]] virtual std::string name() const = 0;
  // Those that port rules are asked of: open, open|filtered and unfiltered ones.
  [[nodiscard]] virtual std::vector<ScriptPort> ports() const = 0;
  // Push the tables that rules and actions get. Each gets a copy, but for `registry` in it.
  virtual void push_host(lua_State* lua) = 0;
  virtual void push_port(lua_State* lua, const ScriptPort& port) = 0;
  // Scripts against it are to end without output, and none is to begin. May become true at any
  // time, by any thread.
  [[nodiscard]] virtual bool is_dropped() const noexcept { return false; }
};

// A script that runs against something, or a worker that such a one has made.
class ScriptThread : public LuaThread {
 public:
  using Clock = std::chrono::steady_clock;

  ScriptThread(lua_State* from, int arguments) : LuaThread{from, arguments} {}
  ~ScriptThread() override { finish(); }

  const Script* script = nullptr;
  Rule rule = Rule::Pre;
  ScriptHost* host = nullptr;  // Null before and after all hosts.
  std::optional<ScriptPort> port{};
  bool worker = false;
  bool in_rule = false;                    // Its rule runs, not yet its action.
  int record = LUA_NOREF;                  // In Lua's registry: its environment, host and port...
  static constexpr int kHostOfRecord = 2;  // ...and where the host is in it; the port is behind.
  Clock::time_point begun{};
  Clock::time_point deadline = Clock::time_point::max();
  std::uint64_t instructions = 0;  // Since it last waited, by the hook's count.
  std::string doom{};              // Why it must end: every further instruction raises this.

  // `act` is called when it has ended in whatever way; another for the same `owner` takes its
  // place.
  void at_end(const void* owner, std::function<void()> act) { ends_[owner] = std::move(act); }
  void forget(const void* owner) { ends_.erase(owner); }
  void finish() {
    for (const auto& [owner, act] : std::exchange(ends_, {})) act();
  }
  // "http-title against 198.18.0.1:80"
  [[nodiscard]] std::string title() const;

 private:
  std::map<const void*, std::function<void()>> ends_;
};

// Whose code runs now, or null while rules of no thread run (loading, output).
[[nodiscard]] ScriptThread* running_thread(lua_State* lua) noexcept;

}  // namespace trawl::nse
