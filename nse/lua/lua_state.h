#pragma once

#include <cstddef>
#include <functional>
#include <lua.hpp>
#include <memory>
#include <optional>
#include <string>

#include "nse/lua/lua_thread.h"

namespace trawl::nse {

// A Lua state with Lua's own libraries, a limit on memory, and threads that can be suspended.
//
// Beyond the limit an allocation fails, so that whoever asked for it gets the error "not enough
// memory", after a full collection. An error outside of protected calls is a std::runtime_error.
class LuaState {
 public:
  explicit LuaState(std::size_t most_bytes);
  ~LuaState();
  LuaState(const LuaState&) = delete;
  LuaState& operator=(const LuaState&) = delete;

  [[nodiscard]] lua_State* get() const noexcept { return lua_; }
  [[nodiscard]] LuaContext& context() noexcept { return context_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t most_bytes_seen() const noexcept { return most_seen_; }

  // `context().on_hook` is called every so many instructions, in each thread made from now on.
  void set_hook_interval(int instructions);

 private:
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);

  LuaContext context_;
  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::size_t most_seen_ = 0;
  lua_State* lua_;
};

// Calls the function below its `arguments` on the stack. On an error leaves the error object on the
// stack instead of results, and gives its text with a traceback.
[[nodiscard]] std::optional<std::string> call_protected(lua_State* lua, int arguments, int results);

// Runs `body` where it may raise errors; what it leaves on its stack is lost. Gives the text of an
// error, without traceback.
[[nodiscard]] std::optional<std::string> run_protected(lua_State* lua,
                                                       const std::function<void(lua_State*)>& body);

// The value at `index` as tostring gives it.
[[nodiscard]] std::string text_at(lua_State* lua, int index);

}  // namespace trawl::nse
