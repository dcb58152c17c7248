#include "control/os/os_database_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSmall =
    "MatchPoints\nSEQ(SP=25%GCD=75)\nWIN(W1=15)\n\n"
    "Fingerprint Small\nClass Acme | RTOS || router\nWIN(W1=1000)\n";

// A folder that is gone with the test.
class DataFolder {
 public:
  DataFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "os_database_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  ~DataFolder() { std::filesystem::remove_all(path_); }
  void write(const std::string& text, const std::string& name = "nmap-os-db") const {
    std::ofstream{path_ + '/' + name} << text;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(OsDatabaseFile, TheFolderThatIsNamedGoesFirst) {
  const DataFolder named;
  const DataFolder variable;
  named.write(kSmall);
  variable.write(std::string{kSmall} + "\nFingerprint Other\nWIN(W1=2000)\n");
  ::setenv("NMAPDIR", variable.path().c_str(), 1);
  const auto by_name = load_os_database(named.path());
  const auto by_variable = load_os_database("");
  ::unsetenv("NMAPDIR");
  ASSERT_TRUE(by_name) << by_name.error().message;
  EXPECT_EQ(by_name->path, named.path() + "/nmap-os-db");
  EXPECT_EQ(by_name->entries.size(), 1U);
  ASSERT_TRUE(by_variable) << by_variable.error().message;
  EXPECT_EQ(by_variable->entries.size(), 2U);
}

TEST(OsDatabaseFile, AFileThatHasNoEntryIsNamed) {
  const DataFolder named;
  named.write("# nothing\n");
  const auto loaded = load_os_database(named.path());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ExitCode::BadInput);
  EXPECT_THAT(loaded.error().message, HasSubstr(named.path() + "/nmap-os-db"));
}

TEST(OsDatabaseFile, WrongLinesAreToldByFileAndLineAndTheRestIsUsed) {
  const DataFolder named;
  named.write(std::string{kSmall} + "WIN(W1=5-2)\n");
  std::vector<std::string> told;
  const auto scorer =
      open_os_scorer(named.path(), [&told](std::string_view text) { told.emplace_back(text); });
  ASSERT_TRUE(scorer) << scorer.error().message;
  EXPECT_EQ((*scorer)->database().entries.size(), 1U);
  EXPECT_THAT(told, ElementsAre(HasSubstr(named.path() + "/nmap-os-db:8: ")));
}

TEST(OsModelFile, OursIsUsedWhereThereIsNoOther) {
  const DataFolder named;
  const auto model = open_os_model6(named.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->classes().front().name, "Linux 6");
}

TEST(OsModelFile, TheOneInTheNamedFolderGoesFirst) {
  const DataFolder named;
  std::string text{osfp::builtin_model6_text()};
  text.replace(text.find("Linux 6"), 7, "Changed");
  named.write(text, "os-model6");
  const auto model = open_os_model6(named.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->classes().front().name, "Changed");
}

TEST(OsModelFile, AWrongLineIsToldByFileAndLine) {
  const DataFolder named;
  named.write("Model6 1\nOS Some\nBias much\n", "os-model6");
  const auto model = open_os_model6(named.path());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().message, named.path() + "/os-model6:3: it needs a number");
}

TEST(OsDatabaseFile, OfManyWrongLinesSomeAreToldAndTheOthersCounted) {
  const DataFolder named;
  std::string text = kSmall;
  for (int i = 0; i < 30; ++i) text += "nonsense\n";
  named.write(text);
  std::vector<std::string> told;
  const auto scorer =
      open_os_scorer(named.path(), [&told](std::string_view line) { told.emplace_back(line); });
  ASSERT_TRUE(scorer);
  ASSERT_EQ(told.size(), 21U);
  EXPECT_THAT(told.back(), HasSubstr("10 more lines are wrong"));
}

}  // namespace
}  // namespace trawl::control
