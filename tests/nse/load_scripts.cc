// Loads every script of a folder of Nmap data, and asks all their rules of a made-up host with open
// ports: load_scripts [FOLDER]. Exits with 1, and tells why, when one does not load or a rule
// raises an error.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "nse/engine/engine.h"
#include "nse/engine/selection.h"
#include "nse/lua/lua_state.h"

namespace trawl::nse {
namespace {

const std::vector<std::pair<ScriptPort, std::string>> kPorts{
    {{21, "tcp"}, "ftp"},      {{22, "tcp"}, "ssh"},           {{25, "tcp"}, "smtp"},
    {{53, "udp"}, "domain"},   {{80, "tcp"}, "http"},          {{161, "udp"}, "snmp"},
    {{443, "tcp"}, "https"},   {{445, "tcp"}, "microsoft-ds"}, {{3306, "tcp"}, "mysql"},
    {{9999, "tcp"}, "unknown"}};

// What §"host" and "port" of the documentation of NSE say is there.
class MadeUpHost : public ScriptHost {
 public:
  [[nodiscard]] std::string name() const override { return "127.0.0.1"; }
  [[nodiscard]] std::vector<ScriptPort> ports() const override {
    std::vector<ScriptPort> ports;
    for (const auto& [port, service] : kPorts) ports.push_back(port);
    return ports;
  }
  void push_host(lua_State* lua) override {
    const auto code =
        "return {ip='127.0.0.1', name='localhost', targetname='localhost', interface='lo', "
        "bin_ip='\\127\\0\\0\\1', bin_ip_src='\\127\\0\\0\\1', directly_connected=true, "
        "interface_mtu=65536, registry={}, times={srtt=0.1, rttvar=0.1, timeout=1.0}}";
    if (luaL_dostring(lua, code) != LUA_OK) lua_error(lua);
  }
  void push_port(lua_State* lua, const ScriptPort& port) override {
    std::string service;
    for (const auto& [other, name] : kPorts) {
      if (other.number == port.number) service = name;
    }
    const std::string code = fmt::format(
        "return {{number={}, protocol='{}', state='open', reason='syn-ack', service='{}', "
        "version={{name='{}', name_confidence=10.0, service_tunnel='none', cpe={{}}}}}}",
        port.number, port.protocol, service, service);
    if (luaL_dostring(lua, code.c_str()) != LUA_OK) lua_error(lua);
  }
};

std::string data_folder;

struct Tally {
  int libraries = 0, loaded = 0, asked = 0, yes = 0;
  std::vector<std::string> skipped{}, failed{};
};

void ask_rules(Engine& engine, const Script& script, Tally& tally) {
  MadeUpHost host;
  const auto ask = [&](Rule rule, ScriptHost* of, const std::optional<ScriptPort>& port) {
    if (!script.has(rule)) return;
    ++tally.asked;
    const auto answer = engine.ask_rule(script, rule, of, port);
    if (answer) {
      tally.yes += *answer ? 1 : 0;
    } else {
      tally.failed.push_back(
          fmt::format("{} {}: {}", script.id, rule_name(rule), answer.error().message));
    }
  };
  ask(Rule::Pre, nullptr, {});
  ask(Rule::Host, &host, {});
  for (const auto& [port, service] : kPorts) ask(Rule::Port, &host, port);
  ask(Rule::Post, nullptr, {});
}

// Stands in for a module of C functions, as far as loading and rules need one.
int open_nmap(lua_State* lua) {
  const auto code = R"(
    local folder = ...
    local function constant(...) local values = table.pack(...)
      return function() return table.unpack(values, 1, values.n) end end
    return {verbosity=constant(0), debugging=constant(0), version_intensity=constant(7),
      timing_level=constant(3), is_privileged=constant(true), address_family=constant('inet'),
      have_ssl=constant(true), clock=os.time, clock_ms=function() return os.time() * 1000 end,
      get_interface=constant(nil), get_interface_info=constant(nil, 'no interface'),
      list_interfaces=constant({}), get_dns_servers=constant({}), fetchfile=function(name)
        local path = folder .. '/' .. name
        local file = io.open(path) if file then file:close() return path end end,
      get_port_state=function(host, port) return nil end, get_ports=constant(nil),
      port_is_excluded=constant(false), log_write=constant(), new_try=function()
        return function(status, ...) if not status then error((...)) end return ... end end,
      registry={}, socket={}, dnet={},
      new_socket=function() return setmetatable({}, {__index=function()
        return constant(nil, 'ERROR') end}) end})";
  if (luaL_loadstring(lua, code) != LUA_OK) return lua_error(lua);
  lua_pushstring(lua, data_folder.c_str());
  lua_call(lua, 1, 1);
  return 1;
}

// What is called while files are loaded, and no more.
int open_others(lua_State* lua) {
  const auto code =
      "return {rand_pseudo_bytes=function(n) return ('\\0'):rep(n) end, "
      "get_path_separator=function() return '/' end}";
  if (luaL_dostring(lua, code) != LUA_OK) return lua_error(lua);
  return 1;
}

// As Debian has it for Lua 5.4.
template <const char* kName>
int open_debian(lua_State* lua) {
  const std::string path = fmt::format("/usr/lib/x86_64-linux-gnu/lua/5.4/{}.so", kName);
  void* const handle = dlopen(path.c_str(), RTLD_NOW);
  void* const open =
      handle == nullptr ? nullptr : dlsym(handle, fmt::format("luaopen_{}", kName).c_str());
  if (open == nullptr) return open_others(lua);
  return reinterpret_cast<lua_CFunction>(open)(lua);
}
constexpr char kLpeg[] = "lpeg";

const std::array kModules{
    NativeModule{"nmap", open_nmap},          NativeModule{"openssl", open_others},
    NativeModule{"zlib", open_others},        NativeModule{"libssh2", open_others},
    NativeModule{"lpeg", open_debian<kLpeg>}, NativeModule{"lfs", open_others},
    NativeModule{"pcre", open_others}};

// Each library by itself too, for no script uses some.
void require_libraries(Engine& engine, const std::filesystem::path& folder, Tally& tally) {
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.path().extension() != ".lua") continue;
    ++tally.libraries;
    const auto error = run_protected(engine.lua(), [&](lua_State* lua) {
      lua_getglobal(lua, "require");
      lua_pushstring(lua, entry.path().stem().c_str());
      lua_call(lua, 1, 0);
    });
    if (error) tally.failed.push_back(fmt::format("{}: {}", entry.path().string(), *error));
  }
}

int load_all(const std::filesystem::path& folder) {
  const auto loop = service::Loop::open({});
  if (!loop) return 1;
  Tally tally;
  EngineSettings settings;
  settings.library_folders = {folder / "nselib"};
  settings.note = [&](const ScriptNote& note) {
    if (note.kind == ScriptNote::Kind::Skipped) tally.skipped.push_back(note.title);
  };
  data_folder = folder.string();
  auto engine = Engine::open(**loop, std::move(settings), kModules);
  if (!engine) {
    fmt::print("{}\n", engine.error().message);
    return 1;
  }
  require_libraries(**engine, folder / "nselib", tally);
  const auto chosen = choose_scripts((folder / "scripts").string() + "/", {});
  if (!chosen) {
    fmt::print("{}\n", chosen.error().message);
    return 1;
  }
  for (const ChosenScript& one : *chosen) {
    if (const auto done = (*engine)->load({&one, 1}); !done) {
      tally.failed.push_back(done.error().message);
      continue;
    }
    for (const auto& script : (*engine)->scripts()) {
      ++tally.loaded;
      ask_rules(**engine, *script, tally);
    }
  }
  const auto together = (*engine)->load(*chosen);
  int levels = 0;
  for (const auto& script : (*engine)->scripts()) levels = std::max(levels, script->level);
  if (!together) tally.failed.push_back(together.error().message);
  for (const std::string& line : tally.skipped) fmt::print("skipped {}\n", line);
  for (const std::string& line : tally.failed) fmt::print("failed {}\n", line);
  fmt::print(
      "{} libraries, {} of {} scripts in {} run levels; {} rules asked, {} true; {} skipped, {} "
      "failed\n",
      tally.libraries, tally.loaded, chosen->size(), levels, tally.asked, tally.yes,
      tally.skipped.size(), tally.failed.size());
  return tally.failed.empty() && tally.skipped.empty() ? 0 : 1;
}

}  // namespace
}  // namespace trawl::nse

int main(int count, char** words) {
  const std::filesystem::path folder = count > 1 ? words[1] : "/usr/share/nmap";
  if (!std::filesystem::exists(folder / "nselib")) {
    fmt::print("no nmap-common in {}\n", folder.string());
    return 77;
  }
  return trawl::nse::load_all(folder);
}
