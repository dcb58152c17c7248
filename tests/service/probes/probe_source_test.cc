#include "service/probes/probe_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace trawl::service {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// A folder of its own with the environment pointing into it.
class ProbeSource : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "probe_source_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ::setenv("NMAPDIR", place("env").c_str(), 1);
    ::setenv("HOME", place("home").c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string place(const std::string& name) const { return folder_ + "/" + name; }
  // A file with a probe of that name.
  void write(const std::string& folder, const std::string& probe) const {
    std::filesystem::create_directories(place(folder));
    std::ofstream file{place(folder) + "/nmap-service-probes"};
    if (!probe.empty()) file << "Probe TCP " << probe << " q|1|\n";
  }
  static std::string first(const Result<ProbeFile>& file) {
    return file && !file->probes.empty() ? file->probes[0].name : std::string{};
  }

  std::string folder_;
};

TEST_F(ProbeSource, ChosenFilesGoFirst) {
  write("data", "Data");
  write("env", "Environment");
  write("home/.nmap", "Home");
  const std::string named = place("env/nmap-service-probes");
  EXPECT_EQ(first(load_probes({.path = named, .datadir = place("data")})), "Environment");
  EXPECT_EQ(first(load_probes({.path = {}, .datadir = place("data")})), "Data");
  EXPECT_EQ(first(load_probes({.path = {}, .datadir = place("nothing")})), "Environment");
  EXPECT_EQ(load_probes({})->path, named);
  std::filesystem::remove(named);
  EXPECT_EQ(first(load_probes({})), "Home");
}

TEST_F(ProbeSource, ChosenFilesHaveToBeThere) {
  const auto missing = load_probes({.path = place("none")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ExitCode::BadInput);
  EXPECT_THAT(missing.error().message, HasSubstr(place("none")));
}

TEST_F(ProbeSource, FilesWithoutProbesAreNotPassedOver) {
  write("env", "");
  const auto empty = load_probes({});
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr(place("env/nmap-service-probes")));
}

TEST_F(ProbeSource, OwnFileIsWholeAndWithoutAProblem) {
  write("env", "Environment");
  const auto own = load_probes({.path = {}, .datadir = {}, .is_own = true});
  ASSERT_TRUE(own);
  EXPECT_EQ(own->path, kOwnProbePath);
  EXPECT_EQ(first(own), "NULL");
  for (const auto& [line, reason] : own->problems) ADD_FAILURE() << line << ": " << reason;
  std::ifstream file{TRAWL_SERVICE_PROBES};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(own_probe_text(), text);
}

// Nmap reads lines of up to 2,047 bytes, and our file is to work with it too.
TEST_F(ProbeSource, OwnFileHasLinesThatNmapReads) {
  std::size_t begin = 0;
  const std::string_view text = own_probe_text();
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string_view::npos;) {
    EXPECT_LT(end - begin, 2000U) << text.substr(begin, 80);
    begin = end + 1;
  }
  EXPECT_EQ(begin, text.size());
}

}  // namespace
}  // namespace trawl::service
