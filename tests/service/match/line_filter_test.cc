#include "service/match/line_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "service/match/memory_pool.h"

namespace trawl::service {
namespace {

// All lines that match, the plain way.
std::vector<std::uint32_t> match_plainly(const std::vector<MatchLine>& lines,
                                         const LinePattern* patterns, std::string_view response,
                                         MatchMemory& memory) {
  std::vector<std::uint32_t> matching;
  for (std::uint32_t line = 0; line < lines.size(); ++line) {
    const auto answer = patterns[line].match(lines[line], response, memory,
                                             MatchDeadline{std::chrono::milliseconds{0}});
    if (answer.outcome == LinePattern::Outcome::Yes) matching.push_back(line);
  }
  return matching;
}

class Texts {
 public:
  Texts(std::uint32_t seed, std::size_t lines, std::size_t shortest, unsigned letters)
      : random_{seed}, letters_{letters} {
    for (std::size_t i = 0; i < lines; ++i) {
      MatchLine line;
      const std::size_t kind = below(8);
      line.ignores_case = kind == 0;
      std::string bytes = text(shortest + below(20));
      // Some where a response begins, some there after a gap, some with a choice before or instead.
      if (kind == 1) line.pattern = "^";
      if (kind == 2) line.pattern = "^.{" + std::to_string(below(100)) + "}";
      if (kind == 3) line.pattern = "^(?:[k-m]|\\d+)[^b]?";
      if (kind == 4) line.pattern = "^" + std::string(1, 'c') + "{2}z+|";
      bytes_.push_back(bytes);
      for (const char c : bytes) {
        line.pattern += c == '\0' || std::isalnum(static_cast<unsigned char>(c)) == 0 ? "\\" : "";
        line.pattern += c == '\0' ? '0' : c;
      }
      lines_.push_back(line);
    }
  }

  // Letters, and some of the texts among them.
  std::string response() {
    std::string all;
    for (std::size_t left = below(6); left > 0; --left) {
      all += text(below(90));
      if (below(8) != 0) all += bytes_[below(bytes_.size())];
    }
    return all + text(below(70));
  }
  [[nodiscard]] const std::vector<MatchLine>& lines() const { return lines_; }

 private:
  std::size_t below(std::size_t end) { return random_() % end; }
  std::string text(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      const bool is_odd = below(24) == 0;
      char c = static_cast<char>('a' + below(letters_));
      if (is_odd) c = "\0\xffZ\n\r"[below(5)];
      bytes += c;
    }
    return bytes;
  }

  std::mt19937 random_;
  unsigned letters_;
  std::vector<MatchLine> lines_;
  std::vector<std::string> bytes_;
};

struct Size {
  std::size_t lines = 0;
  std::size_t shortest = 1;
  unsigned letters = 26;
};

constexpr int kRounds = 500;

class LineFilterTest : public testing::TestWithParam<Size> {};

TEST_P(LineFilterTest, FindsWhatIsThere) {
  const Size size = GetParam();
  Texts texts{static_cast<std::uint32_t>(size.lines), size.lines, size.shortest, size.letters};
  const LineFilter made = LineFilter::compile(texts.lines());
  const auto loaded = LineFilter::load(made.save(), size.lines);
  ASSERT_TRUE(loaded);
  MemoryPool pool;
  pool.allocate_for(made);
  pool.allocate_for(*loaded);
  const auto memory = pool.take();
  const auto patterns = std::make_unique<LinePattern[]>(size.lines);
  std::vector<std::uint32_t> found, again;
  std::size_t all = 0, told = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string response = texts.response();
    const auto matching = match_plainly(texts.lines(), patterns.get(), response, *memory);
    all += matching.size();
    // A copy without spare room, for the address sanitizer.
    const std::vector<char> exact(response.begin(), response.end());
    const std::string_view bytes{exact.data(), exact.size()};
    made.find(bytes, memory->scratch(), found);
    told += found.size();
    ASSERT_TRUE(std::includes(found.begin(), found.end(), matching.begin(), matching.end()))
        << testing::PrintToString(found) << " for " << testing::PrintToString(matching) << " in "
        << testing::PrintToString(response);
    loaded->find(bytes, memory->scratch(), again);
    ASSERT_EQ(again, found) << testing::PrintToString(response);
  }
  EXPECT_GE(all, size.lines < 8 ? 1U : kRounds / 4U);
  // Few by mistake: a text is cut to some bytes, and may stand elsewhere.
  EXPECT_LE(told, 2 * all + kRounds);
}

// About the number of texts from which on Vectorscan looks for them, and far from it.
INSTANTIATE_TEST_SUITE_P(Sizes, LineFilterTest,
                         testing::Values(Size{1, 1, 4}, Size{2, 1, 26}, Size{3, 5, 26},
                                         Size{8, 3, 20}, Size{40, 2, 26}, Size{255, 4, 26},
                                         Size{256, 4, 26}, Size{257, 4, 26}, Size{300, 4, 8},
                                         Size{600, 4, 26}, Size{1200, 4, 12}, Size{3000, 4, 26}));

TEST(LineFilter, OfNoLinesFindsNone) {
  const LineFilter made = LineFilter::compile({});
  std::vector<std::uint32_t> found{1};
  made.find("abc", nullptr, found);
  EXPECT_TRUE(found.empty());
  LineFilter{}.find("abc", nullptr, found);
  EXPECT_TRUE(found.empty());
}

TEST(LineFilter, LoadsNothingThatIsCutOrAboutOtherLines) {
  Texts texts{1, 300, 4, 26};
  const std::string saved = LineFilter::compile(texts.lines()).save();
  EXPECT_TRUE(LineFilter::load(saved, 300));
  EXPECT_FALSE(LineFilter::load(saved, 299));
  EXPECT_FALSE(LineFilter::load(saved + "x", 300));
  for (std::size_t size = 0; size < saved.size(); size += 1 + size / 50) {
    EXPECT_FALSE(LineFilter::load(std::string_view{saved}.substr(0, size), 300)) << size;
  }
  // Wherever a number is wrong, nothing bad comes of it. (The cache's checksum says it first.)
  for (std::size_t at = 0; at + 4 < 2000; at += 4) {
    std::string wrong = saved;
    wrong.replace(at, 4, "\xff\xff\xff\x7f");
    const auto loaded = LineFilter::load(wrong, 300);
    if (loaded) SUCCEED();
  }
}

}  // namespace
}  // namespace trawl::service
