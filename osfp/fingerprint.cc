#include "osfp/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace trawl::osfp {
namespace {

using enum FingerprintTest;

constexpr std::size_t kMostText = 64 * 1024;  // Bytes; a full fingerprint has about 1,100.

constexpr std::string_view kLineNames[] = {"SEQ", "OPS", "WIN", "ECN", "T1", "T2", "T3",
                                           "T4",  "T5",  "T6",  "T7",  "U1", "IE"};
static_assert(std::size(kLineNames) == kFingerprintLines);

constexpr std::string_view kTestNames[] = {
    "R",   "DF", "T",  "TG", "W",   "S",  "A",    "F",   "O",     "RD",   "Q",   "CC",  "SP", "GCD",
    "ISR", "TI", "CI", "II", "SS",  "TS", "O1",   "O2",  "O3",    "O4",   "O5",  "O6",  "W1", "W2",
    "W3",  "W4", "W5", "W6", "IPL", "UN", "RIPL", "RID", "RIPCK", "RUCK", "RUD", "DFI", "CD"};
static_assert(std::size(kTestNames) == kFingerprintTests);

constexpr FingerprintTest kSeq[] = {R, SP, GCD, ISR, TI, CI, II, SS, TS};
constexpr FingerprintTest kOps[] = {R, O1, O2, O3, O4, O5, O6};
constexpr FingerprintTest kWin[] = {R, W1, W2, W3, W4, W5, W6};
constexpr FingerprintTest kEcn[] = {R, DF, T, TG, W, O, CC, Q};
constexpr FingerprintTest kT1[] = {R, DF, T, TG, S, A, F, RD, Q};
constexpr FingerprintTest kT2[] = {R, DF, T, TG, W, S, A, F, O, RD, Q};
constexpr FingerprintTest kU1[] = {R, DF, T, TG, IPL, UN, RIPL, RID, RIPCK, RUCK, RUD};
constexpr FingerprintTest kIe[] = {R, DFI, T, TG, CD};

constexpr std::span<const FingerprintTest> kTestsOf[] = {kSeq, kOps, kWin, kEcn, kT1, kT2, kT2,
                                                         kT2,  kT2,  kT2,  kT2,  kU1, kIe};
static_assert(std::size(kTestsOf) == kFingerprintLines);

// The place of each line's first test, and one past the last.
constexpr auto kFirstPlaces = [] {
  std::array<std::size_t, kFingerprintLines + 1> first{};
  for (std::size_t i = 0; i < kFingerprintLines; ++i) first[i + 1] = first[i] + kTestsOf[i].size();
  return first;
}();
static_assert(kFirstPlaces.back() == kFingerprintPlaces);

bool is_printable(char c) noexcept { return c >= 0x20 && c < 0x7f; }

Failure wrong(std::string_view what, std::string_view where) {
  std::string shown{where.substr(0, 40)};
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return !is_printable(c); }, '?');
  return fail(ExitCode::BadInput, fmt::format("{} in a fingerprint: '{}'", what, shown));
}

// Line breaks are no part of a fingerprint, nor is what a scanner writes before each line.
std::string without_wrapping(std::string_view text) {
  constexpr std::string_view kPrefix = "OS:";
  std::string plain;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.starts_with(kPrefix)) line.remove_prefix(kPrefix.size());
    plain += line;
  }
  return plain;
}

// Reads "R=Y%DF=N" into `fingerprint`.
Result<void> read_tests(FingerprintLine line, std::string_view body, Fingerprint& fingerprint) {
  while (!body.empty()) {
    const std::string_view item = body.substr(0, body.find('%'));
    body.remove_prefix(std::min(body.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return wrong("a test without a value", item);
    const auto test = find_test(item.substr(0, equals));
    if (!std::all_of(item.begin(), item.end(), is_printable)) {
      return wrong("a value that cannot be printed", item);
    }
    if (!test || !place_of(line, *test)) return wrong("no such test on its line", item);
    if (fingerprint.find(line, *test) != nullptr) return wrong("a test that is there twice", item);
    fingerprint.set(line, *test, std::string{item.substr(equals + 1)});
  }
  return {};
}

}  // namespace

std::string_view to_string(FingerprintLine line) noexcept { return kLineNames[index_of(line)]; }

std::string_view to_string(FingerprintTest test) noexcept {
  return kTestNames[static_cast<std::size_t>(test)];
}

std::optional<FingerprintLine> find_line(std::string_view name) noexcept {
  const auto* const at = std::find(std::begin(kLineNames), std::end(kLineNames), name);
  if (at == std::end(kLineNames)) return std::nullopt;
  return static_cast<FingerprintLine>(at - std::begin(kLineNames));
}

std::optional<FingerprintTest> find_test(std::string_view name) noexcept {
  const auto* const at = std::find(std::begin(kTestNames), std::end(kTestNames), name);
  if (at == std::end(kTestNames)) return std::nullopt;
  return static_cast<FingerprintTest>(at - std::begin(kTestNames));
}

std::span<const FingerprintTest> tests_of(FingerprintLine line) noexcept {
  return kTestsOf[index_of(line)];
}

std::optional<std::size_t> place_of(FingerprintLine line, FingerprintTest test) noexcept {
  const std::span<const FingerprintTest> tests = tests_of(line);
  const auto at = std::find(tests.begin(), tests.end(), test);
  if (at == tests.end()) return std::nullopt;
  return kFirstPlaces[index_of(line)] + static_cast<std::size_t>(at - tests.begin());
}

const std::string* Fingerprint::find(FingerprintLine line, FingerprintTest test) const noexcept {
  const auto place = place_of(line, test);
  return place && values_[*place] ? &*values_[*place] : nullptr;
}

bool Fingerprint::has(FingerprintLine line) const noexcept {
  const std::size_t first = kFirstPlaces[index_of(line)];
  const std::size_t last = kFirstPlaces[index_of(line) + 1];
  return std::any_of(values_.begin() + static_cast<std::ptrdiff_t>(first),
                     values_.begin() + static_cast<std::ptrdiff_t>(last),
                     [](const auto& value) { return value.has_value(); });
}

void Fingerprint::set(FingerprintLine line, FingerprintTest test, std::string value) {
  const auto place = place_of(line, test);
  assert(place);
  if (place) values_[*place] = std::move(value);
}

void Fingerprint::clear(FingerprintLine line) noexcept {
  for (const FingerprintTest test : tests_of(line)) values_[*place_of(line, test)].reset();
}

std::string Fingerprint::print(FingerprintLine line) const {
  std::string tests;
  for (const FingerprintTest test : tests_of(line)) {
    const std::string* const value = find(line, test);
    if (value == nullptr) continue;
    if (!tests.empty()) tests += '%';
    tests += fmt::format("{}={}", to_string(test), *value);
  }
  return tests.empty() ? tests : fmt::format("{}({})", to_string(line), tests);
}

std::string Fingerprint::print() const {
  std::string text;
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    const std::string line = print(line_at(i));
    if (!line.empty()) text.append(line).append(1, '\n');
  }
  return text;
}

Result<Fingerprint> Fingerprint::parse(std::string_view text) {
  if (text.size() > kMostText) return wrong("more than 64 KiB of text", text);
  const std::string plain = without_wrapping(text);
  Fingerprint fingerprint;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::size_t open = rest.find('(');
    const std::size_t close = rest.find(')', open);
    if (close == std::string_view::npos) return wrong("a line without its parentheses", rest);
    const std::string_view name = rest.substr(0, open);
    const std::string_view body = rest.substr(open + 1, close - open - 1);
    rest.remove_prefix(close + 1);
    if (name == "SCAN") continue;
    const auto line = find_line(name);
    if (!line) return wrong("no such line", name);
    if (fingerprint.has(*line)) return wrong("a line that is there twice", name);
    const auto read = read_tests(*line, body, fingerprint);
    if (!read) return Failure{read.error()};
  }
  return fingerprint;
}

}  // namespace trawl::osfp
