#include "osfp/database/os_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace trawl::osfp {
namespace {

constexpr std::size_t kLongestName = 1024;

// Nothing, or what is wrong with a line.
using Outcome = std::optional<std::string>;

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Takes what is before the next `divider` off `rest`, and the divider.
std::string_view take_part(std::string_view& rest, char divider) noexcept {
  const std::string_view part = rest.substr(0, rest.find(divider));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

std::string in_quotes(std::string_view text) { return fmt::format("'{}'", text.substr(0, 40)); }

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char byte) { return byte < ' ' || byte > '~'; }, '?');
  return text;
}

// Reads a file line by line into an OsDatabase.
class Reader {
 public:
  explicit Reader(OsDatabase& database) noexcept : database_{database} {}

  void take_line(std::string_view line);
  void finish();

 private:
  // What the lines that hold tests belong to.
  enum class Block : std::uint8_t { None, Points, Entry, LeftOut };

  void report(std::size_t line, std::string reason);
  void begin_points();
  void begin_entry(std::string_view name);
  void end_entry();
  Outcome take_class(std::string_view rest);
  Outcome take_cpe(std::string_view rest);
  void take_tests(std::string_view line);
  Outcome take_test(FingerprintLine line, std::string_view item);
  Outcome take_points(std::size_t place, std::string_view value);
  Outcome take_expression(std::size_t place, std::string_view value);

  OsDatabase& database_;
  std::size_t line_ = 0;
  Block block_ = Block::None;
  OsEntry entry_;
  std::array<bool, kFingerprintLines> has_line_{};    // Of this block.
  std::array<bool, kFingerprintPlaces> has_place_{};  // Of this block.
  bool skips_cpes_ = true;                            // There is no class that they could be of.
  std::unordered_map<std::string, std::uint32_t> expressions_;
};

void Reader::report(std::size_t line, std::string reason) {
  auto& problems = database_.problems;
  if (problems.size() < OsDatabase::kMostProblems) {
    problems.push_back({line, printable(std::move(reason))});
  } else if (problems.size() == OsDatabase::kMostProblems) {
    problems.push_back({line, "and more wrong lines, which are not listed"});
  }
}

void Reader::take_line(std::string_view line) {
  ++line_;
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return;
  const std::string_view word = line.substr(0, line.find_first_of(" \t("));
  const std::string_view rest = trimmed(line.substr(word.size()));
  if (line.size() > OsDatabase::kLongestLine) {
    // Whatever the line is, what follows a Fingerprint line belongs to no other entry.
    if (word == "Fingerprint") begin_entry({});
    report(line_, fmt::format("the line is over {} bytes long", OsDatabase::kLongestLine));
  } else if (word == "MatchPoints") {
    begin_points();
  } else if (word == "Fingerprint") {
    begin_entry(rest);
  } else if (word == "Class" || word == "CPE") {
    if (block_ == Block::LeftOut) return;
    const auto wrong = word == "Class" ? take_class(rest) : take_cpe(rest);
    if (wrong) report(line_, *wrong);
  } else {
    take_tests(line);
  }
}

void Reader::begin_points() {
  end_entry();
  if (database_.has_points) {
    block_ = Block::LeftOut;
    return report(line_, "a second MatchPoints; the first one holds");
  }
  database_.has_points = true;
  block_ = Block::Points;
}

void Reader::begin_entry(std::string_view name) {
  end_entry();
  block_ = Block::LeftOut;
  if (name.empty()) return report(line_, "a Fingerprint without a name; it is left out");
  if (name.size() > kLongestName) return report(line_, "the name is too long; it is left out");
  if (database_.entries.size() == OsDatabase::kMostEntries) {
    return report(line_, fmt::format("more than {} entries; this one and those behind it are left "
                                     "out",
                                     OsDatabase::kMostEntries));
  }
  block_ = Block::Entry;
  entry_.line = line_;
  entry_.name = name;
}

void Reader::end_entry() {
  if (block_ == Block::Entry) {
    auto& tests = entry_.tests;
    std::sort(tests.begin(), tests.end(),
              [](const OsTest& a, const OsTest& b) { return a.place < b.place; });
    if (tests.empty()) {
      report(entry_.line, fmt::format("{} has no test; it is left out", in_quotes(entry_.name)));
    } else {
      database_.entries.push_back(std::move(entry_));
    }
  }
  entry_ = {};
  has_line_ = {};
  has_place_ = {};
  skips_cpes_ = true;
  block_ = Block::None;
}

// "Vendor | family | generation | device type"
Outcome Reader::take_class(std::string_view rest) {
  skips_cpes_ = true;
  if (block_ != Block::Entry) return "a Class line outside an entry";
  if (std::count(rest.begin(), rest.end(), '|') != 3) {
    return "a Class line needs vendor, family, generation and device type between bars";
  }
  if (entry_.classes.size() == OsDatabase::kMostClasses) return "too many classes in an entry";
  OsClass read;
  read.vendor = trimmed(take_part(rest, '|'));
  read.family = trimmed(take_part(rest, '|'));
  read.generation = trimmed(take_part(rest, '|'));
  read.type = trimmed(rest);
  if (read.vendor.empty() || read.family.empty() || read.type.empty()) {
    return "a Class line without vendor, family or device type";
  }
  entry_.classes.push_back(std::move(read));
  skips_cpes_ = false;
  return std::nullopt;
}

// "cpe:/o:vendor:product auto"
Outcome Reader::take_cpe(std::string_view rest) {
  if (block_ != Block::Entry) return "a CPE line outside an entry";
  if (entry_.classes.empty()) return "a CPE line before any Class";
  if (skips_cpes_) return std::nullopt;  // Its class was reported.
  const std::string_view cpe = rest.substr(0, rest.find_first_of(" \t"));
  const std::string_view flag = trimmed(rest.substr(cpe.size()));
  if (!flag.empty() && flag != "auto") return fmt::format("an unknown flag {}", in_quotes(flag));
  constexpr std::string_view kStart = "cpe:/";
  constexpr std::string_view kParts = "aho";
  if (!cpe.starts_with(kStart) || cpe.size() < kStart.size() + 2 ||
      kParts.find(cpe[kStart.size()]) == std::string_view::npos || cpe[kStart.size() + 1] != ':') {
    return fmt::format("no CPE of an application, device or system: {}", in_quotes(cpe));
  }
  auto& cpes = entry_.classes.back().cpes;
  if (cpes.size() == OsDatabase::kMostClasses) return "too many CPEs of a class";
  cpes.emplace_back(cpe);
  return std::nullopt;
}

// "T5(R=Y%DF=N)"
void Reader::take_tests(std::string_view line) {
  const std::size_t open = line.find('(');
  if (open == std::string_view::npos || line.back() != ')') {
    return report(line_,
                  fmt::format("neither a directive nor a line of tests: {}", in_quotes(line)));
  }
  const std::string_view name = line.substr(0, open);
  const auto which = find_line(name);
  if (!which) return report(line_, fmt::format("no line of tests is named {}", in_quotes(name)));
  if (block_ == Block::LeftOut) return;
  if (block_ == Block::None) return report(line_, fmt::format("{} is outside an entry", name));
  if (std::exchange(has_line_[index_of(*which)], true)) {
    return report(line_, fmt::format("a second {} of an entry; the first one holds", name));
  }
  std::string_view rest = line.substr(open + 1, line.size() - open - 2);
  while (!rest.empty()) {
    const std::string_view item = take_part(rest, '%');
    if (item.empty()) continue;  // A divider too many changes nothing.
    const auto wrong = take_test(*which, item);
    if (wrong) report(line_, fmt::format("in {}: {}; the test is left out", name, *wrong));
  }
}

Outcome Reader::take_test(FingerprintLine line, std::string_view item) {
  const std::size_t equals = item.find('=');
  if (equals == std::string_view::npos) return fmt::format("no value in {}", in_quotes(item));
  const auto test = find_test(item.substr(0, equals));
  const auto place = test ? place_of(line, *test) : std::nullopt;
  if (!place) return fmt::format("no such test: {}", in_quotes(item));
  if (std::exchange(has_place_[*place], true)) return fmt::format("a second {}", in_quotes(item));
  const std::string_view value = item.substr(equals + 1);
  return block_ == Block::Points ? take_points(*place, value) : take_expression(*place, value);
}

Outcome Reader::take_points(std::size_t place, std::string_view value) {
  std::uint32_t points = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), points);
  if (error != std::errc{} || end != value.data() + value.size() ||
      points > OsDatabase::kMostPoints) {
    return fmt::format("points are numbers up to {}, not {}", OsDatabase::kMostPoints,
                       in_quotes(value));
  }
  database_.points[place] = points;
  return std::nullopt;
}

Outcome Reader::take_expression(std::size_t place, std::string_view value) {
  std::string key{value};
  auto known = expressions_.find(key);
  if (known == expressions_.end()) {
    auto expression = TestExpression::parse(value);
    if (!expression) return std::move(expression).error();
    const auto index = static_cast<std::uint32_t>(database_.expressions.size());
    database_.expressions.push_back(std::move(*expression));
    known = expressions_.emplace(std::move(key), index).first;
  }
  entry_.tests.push_back({.place = static_cast<std::uint8_t>(place), .expression = known->second});
  return std::nullopt;
}

void Reader::finish() {
  end_entry();
  if (!database_.has_points)
    report(std::max<std::size_t>(line_, 1), "there is no MatchPoints, so nothing can be scored");
}

Failure cannot_read(const std::string& path, std::string_view why) {
  return fail(ExitCode::BadInput, fmt::format("Cannot use OS database {}: {}.", path, why));
}

}  // namespace

const TestExpression* OsDatabase::find(const OsEntry& entry, FingerprintLine line,
                                       FingerprintTest test) const noexcept {
  const auto place = place_of(line, test);
  if (!place) return nullptr;
  const auto at =
      std::lower_bound(entry.tests.begin(), entry.tests.end(), *place,
                       [](const OsTest& one, std::size_t wanted) { return one.place < wanted; });
  return at != entry.tests.end() && at->place == *place ? &expressions[at->expression] : nullptr;
}

OsDatabase parse_os_database(std::string_view text, std::string path) {
  OsDatabase database;
  database.path = std::move(path);
  Reader reader{database};
  while (!text.empty()) reader.take_line(take_part(text, '\n'));
  reader.finish();
  return database;
}

Result<OsDatabase> read_os_database(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return cannot_read(path, "it is a directory");
  std::ifstream file{path, std::ios::binary};
  if (!file) return cannot_read(path, std::strerror(errno));
  std::string text;
  std::array<char, 65536> part{};
  while (file.read(part.data(), part.size()) || file.gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > OsDatabase::kMostBytes) return cannot_read(path, "it is over 64 MiB");
  }
  if (file.bad()) return cannot_read(path, "reading it failed");
  OsDatabase database = parse_os_database(text, path);
  if (!database.has_points) return cannot_read(path, "it has no MatchPoints");
  if (database.entries.empty()) return cannot_read(path, "it has no Fingerprint that can be used");
  return database;
}

}  // namespace trawl::osfp
