#include "osfp/database/os_database.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace trawl::osfp {
namespace {

constexpr const char* kInstalled = "/usr/share/nmap/nmap-os-db";

constexpr const char* kSmall =
    "# A comment\n"
    "MatchPoints\n"
    "SEQ(SP=25%GCD=75)\n"
    "T5(R=100%DF=20)\n"
    "\n"
    "Fingerprint Acme Router 3\r\n"
    "Class Acme | RTOS | 3.X | router\n"
    "CPE cpe:/h:acme:router:3\n"
    "CPE cpe:/o:acme:rtos:3 auto\n"
    "Class  Linux | Linux || broadband router  \n"
    "SEQ(SP=0-5%GCD=1|>100)\n"
    "T5(R=Y%DF=N)\n"
    "Fingerprint Other\n"
    "T5(R=N)\n";

std::string problems_of(const OsDatabase& database) {
  std::string text;
  for (const auto& problem : database.problems) {
    text += std::to_string(problem.line) + ": " + problem.reason + "\n";
  }
  return text;
}

std::string problems_after(const std::string& lines) {
  return problems_of(parse_os_database("MatchPoints\nT5(R=100)\n" + lines, "x"));
}

TEST(OsDatabase, ReadsEntriesWithClassesAndTests) {
  const OsDatabase database = parse_os_database(kSmall, "x");
  EXPECT_EQ(problems_of(database), "");
  EXPECT_EQ(database.points[*place_of(FingerprintLine::T5, FingerprintTest::R)], 100U);
  EXPECT_EQ(database.points[*place_of(FingerprintLine::Seq, FingerprintTest::GCD)], 75U);
  EXPECT_EQ(database.points[*place_of(FingerprintLine::T6, FingerprintTest::R)], 0U);
  ASSERT_EQ(database.entries.size(), 2U);
  const OsEntry& entry = database.entries[0];
  EXPECT_EQ(entry.name, "Acme Router 3");
  EXPECT_EQ(entry.line, 6U);
  ASSERT_EQ(entry.classes.size(), 2U);
  EXPECT_EQ(entry.classes[0].vendor, "Acme");
  EXPECT_EQ(entry.classes[0].generation, "3.X");
  EXPECT_EQ(entry.classes[0].cpes,
            (std::vector<std::string>{"cpe:/h:acme:router:3", "cpe:/o:acme:rtos:3"}));
  EXPECT_EQ(entry.classes[1].family, "Linux");
  EXPECT_EQ(entry.classes[1].generation, "");
  EXPECT_EQ(entry.classes[1].type, "broadband router");
  EXPECT_TRUE(entry.classes[1].cpes.empty());
  EXPECT_EQ(database.find(entry, FingerprintLine::Seq, FingerprintTest::GCD)->text(), "1|>100");
  EXPECT_EQ(database.find(entry, FingerprintLine::T5, FingerprintTest::T), nullptr);
  EXPECT_EQ(database.find(entry, FingerprintLine::U1, FingerprintTest::R), nullptr);
  EXPECT_EQ(database.find(database.entries[1], FingerprintLine::T5, FingerprintTest::R)->text(),
            "N");
}

TEST(OsDatabase, LeavesOutWhatIsWrongAndUsesTheRest) {
  EXPECT_EQ(problems_after("Fingerprint a\nT5(R=Y%X=1%DF=9-8%T=1%T=2)\nT8(R=N)\nT5(R=N)\n"),
            "4: in T5: no such test: 'X=1'; the test is left out\n"
            "4: in T5: a range that ends before it begins in '9-8'; the test is left out\n"
            "4: in T5: a second 'T=2'; the test is left out\n"
            "5: no line of tests is named 'T8'\n"
            "6: a second T5 of an entry; the first one holds\n");
  const OsDatabase database =
      parse_os_database("MatchPoints\nT5(R=1)\nFingerprint a\nT5(R=Y%X=1%DF=9-8%%)\n", "x");
  ASSERT_EQ(database.entries.size(), 1U);
  EXPECT_EQ(database.entries[0].tests.size(), 1U);
}

TEST(OsDatabase, SaysWhichClassesAndCpesAreWrong) {
  EXPECT_EQ(problems_after("Fingerprint a\nCPE cpe:/o:x\nClass a | b | c\nCPE cpe:/o:x\n"
                           "Class | b || c\nClass a | b || c\nCPE cpe:/x:y\nCPE cpe:/o:x by hand\n"
                           "T5(R=Y)\n"),
            "4: a CPE line before any Class\n"
            "5: a Class line needs vendor, family, generation and device type between bars\n"
            "6: a CPE line before any Class\n"
            "7: a Class line without vendor, family or device type\n"
            "9: no CPE of an application, device or system: 'cpe:/x:y'\n"
            "10: an unknown flag 'by hand'\n");
}

TEST(OsDatabase, LinesOfALeftOutEntryBelongToNoOther) {
  const OsDatabase database = parse_os_database(
      "MatchPoints\nT5(R=1)\nT5(R=2)\nFingerprint a\nT5(R=Y)\nFingerprint\nT6(R=Y)\nClass a | b || "
      "c\nMatchPoints\nT6(R=7)\nFingerprint none\nwhat\n",
      "x");
  EXPECT_EQ(problems_of(database),
            "3: a second T5 of an entry; the first one holds\n"
            "6: a Fingerprint without a name; it is left out\n"
            "9: a second MatchPoints; the first one holds\n"
            "12: neither a directive nor a line of tests: 'what'\n"
            "11: 'none' has no test; it is left out\n");
  ASSERT_EQ(database.entries.size(), 1U);
  EXPECT_EQ(database.entries[0].tests.size(), 1U);
  EXPECT_TRUE(database.entries[0].classes.empty());
  EXPECT_EQ(database.points[*place_of(FingerprintLine::T6, FingerprintTest::R)], 0U);
}

TEST(OsDatabase, ReasonsArePrintable) {
  EXPECT_EQ(problems_after("\x1b[2J\n"), "3: neither a directive nor a line of tests: '?[2J'\n");
  const std::string text = problems_after(std::string(10'000, 'x') + "\n");
  EXPECT_EQ(text, "3: the line is over 8192 bytes long\n");
}

TEST(OsDatabase, PointsAreBoundedNumbers) {
  const auto text =
      problems_of(parse_os_database("MatchPoints\nT5(R=-1%DF=10001%T=x%TG=10000)", "x"));
  EXPECT_EQ(text,
            "2: in T5: points are numbers up to 10000, not '-1'; the test is left out\n"
            "2: in T5: points are numbers up to 10000, not '10001'; the test is left out\n"
            "2: in T5: points are numbers up to 10000, not 'x'; the test is left out\n");
}

TEST(OsDatabase, ListsNoMoreProblemsThanItMay) {
  std::string lines;
  for (std::size_t i = 0; i < 2 * OsDatabase::kMostProblems; ++i) lines += "?\n";
  const OsDatabase database = parse_os_database(lines, "x");
  ASSERT_EQ(database.problems.size(), OsDatabase::kMostProblems + 1);
  EXPECT_EQ(database.problems.back().reason, "and more wrong lines, which are not listed");
}

TEST(OsDatabase, FilesThatAreOfNoUseAreRefused) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("trawl-os-database-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "os-db";
  EXPECT_EQ(read_os_database(path).error().message,
            "Cannot use OS database " + path + ": No such file or directory.");
  EXPECT_EQ(read_os_database(folder).error().message,
            "Cannot use OS database " + folder.string() + ": it is a directory.");
  std::ofstream{path} << "Fingerprint a\nT5(R=Y)\n";
  EXPECT_EQ(read_os_database(path).error().message,
            "Cannot use OS database " + path + ": it has no MatchPoints.");
  std::ofstream{path} << "MatchPoints\nT5(R=1)\n";
  EXPECT_EQ(read_os_database(path).error().code, ExitCode::BadInput);
  std::ofstream{path} << kSmall;
  EXPECT_EQ(read_os_database(path)->entries.size(), 2U);
  std::filesystem::resize_file(path, OsDatabase::kMostBytes + 1);
  EXPECT_EQ(read_os_database(path).error().message,
            "Cannot use OS database " + path + ": it is over 64 MiB.");
  std::filesystem::remove_all(folder);
}

// The figures are those of nmap 7.93, counted otherwise.
TEST(OsDatabase, ReadsTheInstalledFileOfNmapWhole) {
  if (!std::filesystem::exists(kInstalled)) GTEST_SKIP();
  const auto database = read_os_database(kInstalled);
  ASSERT_TRUE(database) << database.error().message;
  EXPECT_EQ(problems_of(*database), "");
  EXPECT_EQ(database->entries.size(), 5678U);
  std::size_t classes = 0, general = 0, applications = 0, systems = 0, hardware = 0, lines = 0;
  std::set<std::string> vendors, families, types;
  for (const OsEntry& entry : database->entries) {
    std::set<FingerprintLine> of_entry;
    for (std::size_t i = 0; i < kFingerprintLines; ++i) {
      for (const auto test : tests_of(line_at(i))) {
        if (database->find(entry, line_at(i), test) != nullptr) of_entry.insert(line_at(i));
      }
    }
    lines += of_entry.size();
    for (const OsClass& one : entry.classes) {
      ++classes;
      general += one.type == "general purpose" ? 1U : 0U;
      vendors.insert(one.vendor);
      families.insert(one.family);
      types.insert(one.type);
      for (const std::string& cpe : one.cpes) {
        applications += cpe.starts_with("cpe:/a:") ? 1U : 0U;
        systems += cpe.starts_with("cpe:/o:") ? 1U : 0U;
        hardware += cpe.starts_with("cpe:/h:") ? 1U : 0U;
      }
    }
  }
  EXPECT_EQ(classes, 6551U);
  EXPECT_EQ(general, 2905U);
  EXPECT_EQ(vendors.size(), 636U);
  EXPECT_EQ(families.size(), 187U);
  EXPECT_EQ(types.size(), 27U);
  EXPECT_EQ(systems, 4332U);
  EXPECT_EQ(hardware, 2080U);
  EXPECT_EQ(applications, 78U);
  // One entry has no IE, and three have "OPS()"; all others ask something on each of the lines.
  EXPECT_EQ(lines, 5678U * kFingerprintLines - 4);
  std::uint32_t points = 0, worth = 0;
  for (const std::uint32_t one : database->points) {
    points += one;
    worth += one > 0 ? 1U : 0U;
  }
  EXPECT_EQ(points, 4055U);
  EXPECT_EQ(worth, 119U);
}

}  // namespace
}  // namespace trawl::osfp
