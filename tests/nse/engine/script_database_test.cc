#include "nse/engine/script_database.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace trawl::nse {
namespace {

TEST(ScriptDatabase, WhatIsWrittenIsReadAgain) {
  const std::vector<DatabaseEntry> entries{{"b.nse", {"safe", "auth"}}, {"a-x.nse", {}}};
  const std::string text = script_database_text(entries);
  EXPECT_EQ(text,
            "Entry { filename = \"a-x.nse\", categories = { } }\n"
            "Entry { filename = \"b.nse\", categories = { \"auth\", \"safe\", } }\n");
  const auto read = parse_script_database(text);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->at(1), (DatabaseEntry{"b.nse", {"auth", "safe"}}));
  EXPECT_EQ(read->at(1).name(), "b");
}

TEST(ScriptDatabase, OtherSpellingsOfTheTableAreRead) {
  const auto read = parse_script_database(
      "-- a comment\nEntry{categories={'safe','vuln'};filename='x.nse';}\nEntry {filename=\"y\"}");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->at(0), (DatabaseEntry{"x.nse", {"safe", "vuln"}}));
  EXPECT_EQ(read->at(1).name(), "y");
}

TEST(ScriptDatabase, AnythingElseFailsWithItsLine) {
  for (const char* text :
       {"\n\nos.execute('x')", "Entry { filename = \"a.nse\" }\n\nEntry { filename = 1 }",
        "\n\nEntry { categories = { } }", "\n\nEntry { filename = \"../a.nse\" }",
        "\n\nEntry { filename = \"a", "\n\nEntry { filename = \"a\" categories = {} }"}) {
    const auto read = parse_script_database(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_TRUE(read.error().message.starts_with("line 3:")) << read.error().message;
  }
}

TEST(ScriptDatabase, TheInstalledOneIsReadWhole) {
  const std::filesystem::path path{"/usr/share/nmap/scripts/script.db"};
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "nmap-common is not installed";
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  const auto read = parse_script_database(text.str());
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(script_database_text(*read), text.str());
}

}  // namespace
}  // namespace trawl::nse
