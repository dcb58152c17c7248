#include "nse/lua/lua_state.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "nse/lua/coroutines.h"

namespace trawl::nse {
namespace {

void call_hook(lua_State* lua, lua_Debug* /*record*/) {
  LuaContext* const context = context_of(lua);
  if (context != nullptr && context->on_hook) context->on_hook(lua);
}

int add_traceback(lua_State* lua) {
  // The error object stays itself, for it may be a table that means something.
  const char* text = luaL_tolstring(lua, 1, nullptr);
  luaL_traceback(lua, lua, text, 1);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, LUA_REGISTRYINDEX, "trawl.traceback");
  lua_settop(lua, 1);
  return 1;
}

// What no protected call catches goes to whoever called Lua.
int throw_error(lua_State* lua) {
  throw std::runtime_error{lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "Lua error"};
}

int run_body(lua_State* lua) {
  const auto* body = static_cast<const std::function<void(lua_State*)>*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  (*body)(lua);
  return 0;
}

}  // namespace

LuaState::LuaState(std::size_t most_bytes) : limit_{most_bytes} {
  lua_ = lua_newstate(allocate, this);
  if (lua_ == nullptr) throw std::bad_alloc{};
  lua_atpanic(lua_, throw_error);
  set_context(lua_, &context_);
  luaL_openlibs(lua_);
  replace_coroutine_functions(lua_);
}

LuaState::~LuaState() {
  context_.on_hook = nullptr;
  context_.ready.clear();
  lua_close(lua_);
}

void LuaState::set_hook_interval(int instructions) {
  lua_sethook(lua_, call_hook, LUA_MASKCOUNT, instructions);
}

void* LuaState::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  auto& state = *static_cast<LuaState*>(self);
  const std::size_t old = block == nullptr ? 0 : old_size;  // Else it is the kind of the object.
  if (new_size == 0) {
    std::free(block);
    state.bytes_ -= old;
    return nullptr;
  }
  if (new_size > old && new_size - old > state.limit_ - std::min(state.limit_, state.bytes_)) {
    return nullptr;
  }
  void* const result = std::realloc(block, new_size);
  if (result == nullptr) return nullptr;
  state.bytes_ += new_size - old;
  state.most_seen_ = std::max(state.most_seen_, state.bytes_);
  return result;
}

std::optional<std::string> call_protected(lua_State* lua, int arguments, int results) {
  const int function = lua_gettop(lua) - arguments;
  lua_pushcfunction(lua, add_traceback);
  lua_insert(lua, function);
  const int status = lua_pcall(lua, arguments, results, function);
  lua_remove(lua, function);
  if (status == LUA_OK) return {};
  std::string text = "not enough memory";
  if (status != LUA_ERRMEM && lua_getfield(lua, LUA_REGISTRYINDEX, "trawl.traceback") != LUA_TNIL) {
    text = lua_tostring(lua, -1);
  }
  if (status != LUA_ERRMEM) lua_pop(lua, 1);
  return text;
}

std::optional<std::string> run_protected(lua_State* lua,
                                         const std::function<void(lua_State*)>& body) {
  lua_pushcfunction(lua, run_body);
  lua_pushlightuserdata(lua, const_cast<std::function<void(lua_State*)>*>(&body));
  if (lua_pcall(lua, 1, 0, 0) == LUA_OK) return {};
  std::string text = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "an error object";
  lua_pop(lua, 1);
  return text;
}

std::string text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_tolstring(lua, index, &size);
  std::string result{text, size};
  lua_pop(lua, 1);
  return result;
}

}  // namespace trawl::nse
