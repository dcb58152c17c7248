#include "nse/engine/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "nse/engine/script_expression.h"

namespace trawl::nse {
namespace {

namespace fs = std::filesystem;

class Selection : public testing::Test {
 protected:
  Selection() {
    fs::create_directories(folder_ / "mine");
    std::ofstream{folder_ / "mine" / "one.nse"} << "";
    std::ofstream{folder_ / "mine" / "two.nse"} << "";
    std::ofstream{folder_ / "mine" / "notes.txt"} << "";
  }
  ~Selection() override { fs::remove_all(folder_); }

  // Names, with ' for named ones and + for forced ones; or the error.
  std::string chosen(std::string_view text) {
    const auto scripts = choose_scripts(text, sources_);
    if (!scripts) return "error: " + scripts.error().message;
    std::string names;
    for (const ChosenScript& script : *scripts) {
      if (!names.empty()) names += ' ';
      names += script.path.stem().string();
      if (script.named) names += '\'';
      if (script.forced) names += '+';
    }
    return names;
  }

  fs::path folder_ = fs::temp_directory_path() / ("trawl_selection_" + std::to_string(getpid()));
  ScriptSources sources_{
      .databases = {{"/db",
                     {{"banner.nse", {"discovery", "safe"}},
                      {"http-title.nse", {"default", "discovery", "safe"}},
                      {"http-slowloris.nse", {"dos", "intrusive"}},
                      {"ssh-hostkey.nse", {"default", "safe"}}}},
                    {"/other", {{"banner.nse", {"dos"}}, {"extra.nse", {"intrusive"}}}}},
      .search_folders = {folder_, folder_ / "mine"}};
};

TEST_F(Selection, CategoriesNamesAndPatterns) {
  EXPECT_EQ(chosen("default"), "http-title ssh-hostkey");
  EXPECT_EQ(chosen("DEFAULT"), "http-title ssh-hostkey");
  EXPECT_EQ(chosen("banner"), "banner'");
  EXPECT_EQ(chosen("banner.nse"), "banner'");
  EXPECT_EQ(chosen("http-*"), "http-title' http-slowloris'");
  EXPECT_EQ(chosen("*"), "banner' http-title' http-slowloris' ssh-hostkey'");
  EXPECT_EQ(chosen("all"), "banner http-title http-slowloris ssh-hostkey");
}

TEST_F(Selection, ADatabaseCountsWhereTheOneBeforeHasNothing) {
  EXPECT_EQ(chosen("extra"), "extra'");
  EXPECT_EQ(chosen("intrusive and not dos"), "extra");
  EXPECT_EQ(chosen("ext*,default"), "extra' http-title ssh-hostkey");
  EXPECT_EQ(chosen("dos"), "http-slowloris");
}

TEST_F(Selection, OperatorsHaveTheOrderOfLua) {
  EXPECT_EQ(chosen("default and not http-*"), "ssh-hostkey");
  EXPECT_EQ(chosen("dos or default and ssh-*"), "http-slowloris ssh-hostkey'");
  EXPECT_EQ(chosen("(dos or default) and http-*"), "http-title' http-slowloris'");
  EXPECT_EQ(chosen("NOT safe"), "http-slowloris");
  EXPECT_EQ(chosen("not(safe)"), "http-slowloris");
  EXPECT_EQ(chosen("not not dos"), "http-slowloris");
  EXPECT_EQ(chosen("default or nosuch"), "http-title ssh-hostkey");
}

TEST_F(Selection, AListChoosesEachOnceAndPlusForces) {
  EXPECT_EQ(chosen("default,,http-title, +banner"), "http-title' ssh-hostkey banner'+");
  EXPECT_EQ(chosen("+(dos or default)"), "http-title+ http-slowloris+ ssh-hostkey+");
  EXPECT_EQ(chosen(""), "");
}

TEST_F(Selection, FilesAndFolders) {
  EXPECT_EQ(chosen("mine/one"), "one'");
  EXPECT_EQ(chosen("two.nse"), "two'");
  EXPECT_EQ(chosen("mine/"), "one' two'");
  EXPECT_EQ(chosen((folder_ / "mine" / "one.nse").string()), "one'");
  EXPECT_EQ(chosen("mine"), "error: --script: mine is a folder; write mine/ for all scripts in it");
}

TEST_F(Selection, WhatChoosesNothingFails) {
  for (const char* text : {"nosuch", "and", "(default", "default)", "banner http-title", "not",
                           "all and not all", "ban?er", "nosuch and safe", "default,nosuch"}) {
    EXPECT_THAT(chosen(text), testing::StartsWith("error: --script: '")) << text;
  }
  EXPECT_EQ(chosen("nosuch"), "error: --script: 'nosuch' is no category, script, file or folder/");
}

TEST_F(Selection, DeepParenthesesAndManyStarsEnd) {
  EXPECT_THAT(chosen(std::string(100'000, '(')), testing::StartsWith("error"));
  std::string stars;
  for (int i = 0; i < 50; ++i) stars += "*a";
  EXPECT_FALSE(matches_pattern(stars + "b", std::string(5000, 'a')));
  EXPECT_TRUE(matches_pattern(stars + "*", std::string(5000, 'a')));
}

}  // namespace
}  // namespace trawl::nse
