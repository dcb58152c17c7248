#include <gmock/gmock.h>

#include "tests/nse/engine/engine_fixture.h"

namespace trawl::nse {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class LoadingTest : public EngineTest {};

constexpr const char* kPre = "prerule = function() return true end action = function() ";

TEST_F(LoadingTest, FieldsAreRead) {
  file("full",
       "description = [[two\nlines]] author = {'A', 'B'} license = 'L' categories = {'safe', "
       "'vuln'} "
       "dependencies = {'other'} hostrule = function() end postrule = hostrule "
       "action = function() end");
  ASSERT_EQ(load(), "");
  const Script& script = *engine_->scripts().front();
  EXPECT_EQ(script.id, "full");
  EXPECT_EQ(script.description, "two\nlines");
  EXPECT_EQ(script.author, "A, B");
  EXPECT_THAT(script.categories, ElementsAre("safe", "vuln"));
  EXPECT_THAT(script.dependencies, ElementsAre("other"));
  EXPECT_TRUE(script.has(Rule::Host) && script.has(Rule::Post));
  EXPECT_FALSE(script.has(Rule::Pre) || script.has(Rule::Port));
}

TEST_F(LoadingTest, ErrorsTellFileAndLine) {
  settings_.limits.instructions = 1'000'000;
  const auto error_of = [this](const char* text) {
    chosen_.clear();
    file("bad", text);
    return load();
  };
  EXPECT_THAT(error_of("x = 1\naction = function( return"), HasSubstr("bad.nse:2: "));
  EXPECT_THAT(error_of("\n\nerror('load')"), HasSubstr("bad.nse:3: load"));
  EXPECT_THAT(error_of("action = function() end"), EndsWith("bad.nse: no rule: prerule, hostrule, "
                                                            "portrule or postrule"));
  EXPECT_THAT(error_of("prerule = function() end"), EndsWith("bad.nse: no function named action"));
  EXPECT_THAT(error_of("action = print prerule = 5"), EndsWith("prerule is no function"));
  EXPECT_THAT(error_of("action = print prerule = print categories = {1}"),
              EndsWith("categories is no table of strings"));
  EXPECT_THAT(error_of("end while true do"), HasSubstr("bad.nse:1: "));
  EXPECT_THAT(error_of("while true do end"), HasSubstr("instructions without waiting once"));
  EXPECT_THAT(error_of("x = string.rep('x', 1 << 30)"), HasSubstr("not enough memory"));
}

TEST_F(LoadingTest, AMissingLibraryIsAnErrorOrQuiet) {
  file("loud", "require 'no.such'");
  EXPECT_THAT(load(), HasSubstr("loud.nse:1: module 'no.such' not found:\n\tNSE failed to find "
                                "nselib/no/such.lua in search paths."));
  chosen_.clear();
  file("quiet", "require('stdnse').silent_require 'nosuch'");
  script("fine", std::string{kPre} + "return 'x' end");
  EXPECT_EQ(load(), "");
  EXPECT_EQ(engine_->scripts().size(), 1U);
  EXPECT_THAT(skipped_, ElementsAre(EndsWith("quiet.nse")));
}

TEST_F(LoadingTest, LibrariesComeFromTheFirstFolderThatHasThem) {
  const auto second = folder_ / "second";
  std::filesystem::create_directories(second / "data");
  std::ofstream{second / "lib.lua"} << "return 'second'";
  std::ofstream{second / "data" / "dotted.lua"} << "local name, path = ... return name";
  library("lib", "return 'first'");
  settings_.library_folders.push_back(second);
  script("uses",
         std::string{kPre} + "return require 'lib' .. require 'data.dotted' .. require 'lib' end");
  EXPECT_EQ(only_result(), "uses firstdata.dottedfirst");
}

TEST_F(LoadingTest, NamesThatLeaveTheFoldersAreNoLibraries) {
  std::ofstream{folder_ / "outside.lua"} << "return 1";
  for (const char* name : {"../outside", "..outside", "/etc/passwd", "", ".", "a..b"}) {
    chosen_.clear();
    file("bad", std::string{"require '"} + name + "'");
    EXPECT_THAT(load(), HasSubstr("not found:")) << name;
  }
}

TEST_F(LoadingTest, ALibraryWithAnErrorTellsItsLine) {
  library("broken", "\nlocal x = = 1");
  script("uses", "require 'broken'");
  EXPECT_THAT(load(), testing::ContainsRegex("error loading module 'broken'.*\n.*broken.lua:2:"));
}

TEST_F(LoadingTest, GlobalsMustBeDeclared) {
  script("reads", std::string{kPre} + "return foo end");
  script("writes", std::string{kPre} + "_G.foo = 1 end");
  script("own", std::string{kPre} + "foo = 1 return foo end");
  library("declares", "shared = 5 function set() undeclared = 1 end return set");
  script("uses", std::string{kPre} + "local set = require 'declares' set() return 'no' end");
  run();
  EXPECT_THAT(failed_, ElementsAre(HasSubstr("reads.nse:3: variable 'foo' is not declared"),
                                   HasSubstr("writes.nse:3: assign to undeclared variable 'foo'"),
                                   HasSubstr("assign to undeclared variable 'undeclared'")));
  EXPECT_THAT(results_, testing::Contains("own 1"));
}

TEST_F(LoadingTest, AnInstanceHasVariablesOfItsOwn) {
  hosts_ = {{"h", {1, 2, 3}}};
  script("counts",
         "n = 0 local m = 0 portrule = function(host, port) n = n + 1 return port.number ~= 2 end "
         "action = function(host, port) n = n + 1 m = m + 1 "
         "return n .. m .. SCRIPT_TYPE .. SCRIPT_NAME .. #SCRIPT_PATH end");
  run();
  const std::string end =
      "1portrulecounts" + std::to_string((folder_ / "counts.nse").string().size());
  // The instance that said no to port 2 serves port 3.
  EXPECT_THAT(results_, ElementsAre("counts@h:1 2" + end, "counts@h:3 3" + end));
}

TEST_F(LoadingTest, ScriptArgumentsAreInTheRegistry) {
  settings_.arguments = *parse_script_args("a=1,flag,t={x=y}");
  script("shows", std::string{kPre} +
                      "local args = nmap.registry.args return args.a .. args[1] .. args.t.x end");
  EXPECT_EQ(only_result(), "shows 1flagy");
}

TEST_F(LoadingTest, OnlyFilesElsewhereRunInTheSandbox) {
  settings_.sandboxes_others = true;
  settings_.trusted_folders = {folder_ / "trusted/"};
  std::filesystem::create_directories(folder_ / "trusted");
  const std::string code =
      "local nmap = require 'nmap' prerule = function() return true end action = function() "
      "local io, os, path = require 'io', require 'os', '" +
      (folder_ / "written").string() +
      "' local out = {} "
      "local function try(name, f, ...) local ok, a = pcall(f, ...) "
      "out[#out + 1] = name .. (ok and a and 'yes' or 'no') end "
      "try('execute', function() return os.execute('true') end) "
      "try('popen', function() return io.popen('true') end) "
      "try('write', io.open, path, 'w') "
      "try('read', io.open, '/dev/null') "
      "try('load', load, 'return require \"os\".execute(\"true\")') "
      "try('run', function() return load('return os.execute(\"true\")')() end) "
      "try('meta', function() return getmetatable(_ENV).__index._G.os.execute end) "
      "try('global', function() return _G.os.execute end) "
      "try('registry', function() return debug.getregistry() end) "
      "return table.concat(out, ' ') end";
  file("trusted/inside", code);
  file("outside", code);
  run();
  EXPECT_THAT(failed_, IsEmpty());
  EXPECT_THAT(sorted(results_),
              ElementsAre("inside executeyes popenyes writeyes readyes loadyes runyes metayes "
                          "globalyes registryyes",
                          "outside executeno popenno writeno readyes loadyes runno metano globalno "
                          "registryno"));
}

}  // namespace
}  // namespace trawl::nse
