#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nse/engine/engine.h"

namespace trawl::nse {

// A host with TCP ports, whose tables have just what an address and a number are.
class FakeHost : public ScriptHost {
 public:
  FakeHost(std::string name, std::vector<std::uint16_t> ports) : name_{std::move(name)} {
    for (const std::uint16_t port : ports) ports_.push_back({port, "tcp"});
  }
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::vector<ScriptPort> ports() const override { return ports_; }
  void push_host(lua_State* lua) override {
    lua_newtable(lua);
    lua_pushstring(lua, name_.c_str());
    lua_setfield(lua, -2, "ip");
    lua_newtable(lua);
    lua_setfield(lua, -2, "registry");
  }
  void push_port(lua_State* lua, const ScriptPort& port) override {
    lua_newtable(lua);
    lua_pushinteger(lua, port.number);
    lua_setfield(lua, -2, "number");
    lua_newtable(lua);
    lua_setfield(lua, -2, "version");
  }

 private:
  std::string name_;
  std::vector<ScriptPort> ports_;
};

// Scripts and libraries in a folder of their own, an engine that runs them, and what came of it.
class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    std::filesystem::create_directories(folder_ / "nselib");
    settings_.library_folders = {folder_ / "nselib"};
    settings_.result = [this](const ScriptResult& result) {
      std::string line = result.script.id;
      if (result.host != nullptr) line += '@' + result.host->name();
      if (result.port) line += ':' + std::to_string(result.port->number);
      results_.push_back(line + ' ' + result.output.text);
    };
    settings_.note = [this](const ScriptNote& note) {
      if (note.kind == ScriptNote::Kind::Started) started_.push_back(note.title);
      if (note.kind == ScriptNote::Kind::Failed) failed_.push_back(note.title + ' ' + note.text);
      if (note.kind == ScriptNote::Kind::TimedOut) late_.push_back(note.title);
      if (note.kind == ScriptNote::Kind::Skipped) skipped_.push_back(note.title);
    };
    library("stdnse", "local _ENV = {} return _ENV");
  }
  ~EngineTest() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  void library(const std::string& name, const std::string& code) {
    const auto path = folder_ / "nselib" / (name + ".lua");
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << code;
  }
  // A script that is in the next load(): the fields all have, then its own code on line 3.
  void script(const std::string& id, const std::string& code, bool forced = false) {
    file(id,
         "description = 'd' categories = {'safe'}\n"
         "local nmap = require 'nmap' local stdnse = require 'stdnse'\n" +
             code,
         forced);
  }
  void file(const std::string& id, const std::string& text, bool forced = false) {
    const auto path = folder_ / (id + ".nse");
    std::ofstream{path} << text;
    chosen_.push_back({path, true, forced});
  }
  // Loads all scripts; the error, or "".
  std::string load() {
    loop_ = std::move(*service::Loop::open({}));
    auto engine = Engine::open(*loop_, settings_, modules_);
    if (!engine) return engine.error().message;
    engine_ = std::move(*engine);
    const auto loaded = engine_->load(chosen_);
    return loaded ? "" : loaded.error().message;
  }
  // All rules, against the hosts as one group.
  void run() {
    ASSERT_EQ(load(), "");
    engine_->run_before_hosts();
    std::vector<ScriptHost*> group;
    for (auto& host : hosts_) group.push_back(&host);
    engine_->run_hosts(group);
    engine_->run_after_hosts();
  }
  std::string only_result() {
    run();
    if (results_.size() == 1) return results_.front();
    return failed_.empty() ? std::to_string(results_.size()) + " results" : failed_.front();
  }
  static std::vector<std::string> sorted(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("trawl_engine_" + std::to_string(getpid()));
  EngineSettings settings_;
  std::vector<NativeModule> modules_;
  std::vector<ChosenScript> chosen_;
  std::vector<FakeHost> hosts_;
  std::unique_ptr<service::Loop> loop_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::string> results_, started_, failed_, late_, skipped_;
};

}  // namespace trawl::nse
