#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "osfp/database/test_expression.h"
#include "osfp/fingerprint.h"

namespace trawl::osfp {

// One way of naming what an entry is (Nmap book, "Device and OS classification").
struct OsClass {
  std::string vendor;
  std::string family;
  std::string generation;  // Often "".
  std::string type;        // Of device: "general purpose", "router".
  // Those of the CPE lines behind its Class line, as "cpe:/o:vendor:product"; that one was made by
  // a machine ("auto") is dropped.
  std::vector<std::string> cpes;
};

// What one entry asks of one test.
struct OsTest {
  std::uint8_t place = 0;        // As place_of() numbers them.
  std::uint32_t expression = 0;  // Of OsDatabase::expressions.
};

struct OsEntry {
  std::size_t line = 0;  // Of its Fingerprint line, from 1; reports tell it.
  std::string name;
  std::vector<OsClass> classes;
  std::vector<OsTest> tests;  // By place, each once; any may be missing.
};

// A wrong line, or part of one, which is left out; the rest of the file is used.
struct OsDatabaseProblem {
  std::size_t line = 0;
  std::string reason;  // Printable ASCII.
};

// What a file in the format of nmap-os-db holds (Nmap book, "Understanding an Nmap Fingerprint").
struct OsDatabase {
  std::string path;  // For messages.
  bool has_points = false;
  // What each test is worth, by place; 0 for those that count nothing.
  std::array<std::uint32_t, kFingerprintPlaces> points{};
  std::vector<TestExpression> expressions;  // Each once.
  std::vector<OsEntry> entries;             // In file order.
  std::vector<OsDatabaseProblem> problems;

  // nullptr when the entry asks nothing there.
  [[nodiscard]] const TestExpression* find(const OsEntry& entry, FingerprintLine line,
                                           FingerprintTest test) const noexcept;

  static constexpr std::size_t kMostBytes = std::size_t{64} << 20U;
  static constexpr std::size_t kMostEntries = 65'535;
  static constexpr std::size_t kMostClasses = 64;  // Of an entry; as many CPEs of a class.
  static constexpr std::size_t kLongestLine = 8192;
  static constexpr std::size_t kMostProblems = 256;  // One more says that there are more.
  static constexpr std::uint32_t kMostPoints = 10'000;
};

// Parses a whole file. Wrong lines are among `problems`; the lines of an entry that is left out are
// left out with it. Cost: grows with the text's length, whatever it holds.
[[nodiscard]] OsDatabase parse_os_database(std::string_view text, std::string path);

// Fails with BadInput, naming the file, when it cannot be read, is over 64 MiB, or has no
// MatchPoints or no entry.
[[nodiscard]] Result<OsDatabase> read_os_database(const std::string& path);

}  // namespace trawl::osfp
