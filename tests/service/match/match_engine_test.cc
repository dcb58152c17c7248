#include "service/match/match_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace trawl::service {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kProbes = R"(Probe TCP NULL q||
match ssh m|^SSH-([\d.]+)-OpenSSH_([\w.]+)| p/OpenSSH/ v/$2/ i/protocol $1/ cpe:/a:openbsd:openssh:$2/
softmatch ssh m|^SSH-|
softmatch ftp m|^220[ -].*ftp|i
match ftp m|^220 (\w+) FTP|s p/$1/
match smtp m|^220 (\S+) ESMTP| h/$1/

Probe TCP GetRequest q|GET / HTTP/1.0\r\n\r\n|
ports 80
match http m|^HTTP/1\.[01] \d+ .*\r\nServer: Alpha/([\d.]+)|s p/Alpha/ v/$1/
match http m|^HTTP/1\.[01] .*Server: (\w+)|s p/$1/
match odd m|^[0-9A-F]{6}$|
match empty m|^$|

Probe TCP Asks q|ask\n|
ports 99
fallback GetRequest
match ask m|^HTTP/9|
match tls ssl/ask m|never|
match ssl/wrapped m|^\x16\x03|

Probe UDP Datagram q|x|
match udp m|^ok|
)";

constexpr std::size_t kNull = 0, kGet = 1, kAsks = 2, kDatagram = 3;

std::shared_ptr<const ProbeFile> parse(std::string_view text) {
  return std::make_shared<const ProbeFile>(parse_probe_file(text, "test"));
}

std::unique_ptr<MatchEngine> open(std::shared_ptr<const ProbeFile> file,
                                  MatchEngine::Options options = {}) {
  auto engine = MatchEngine::open(std::move(file), std::move(options));
  EXPECT_TRUE(engine);
  return std::move(*engine);
}

// Both ways to find a line have to say the same.
class MatchEngineTest : public testing::TestWithParam<bool> {
 protected:
  explicit MatchEngineTest(std::string_view probes = kProbes) { use(probes); }

  void use(std::string_view probes) {
    engine_ = open(parse(probes), {.cache_folder = "",
                                   .deadline = std::chrono::milliseconds{0},
                                   .uses_prefilter = GetParam()});
  }
  // "http: Alpha 1.2", "-" for nothing.
  [[nodiscard]] std::string ask(std::size_t probe, std::string_view response) const {
    const auto match = engine_->match({.probe = probe, .response = response});
    if (!match) return "-";
    std::string text = match->service;
    if (match->is_soft) text += "?";
    if (match->is_tls) text += "*";
    for (const std::string& field : match->fields) {
      if (!field.empty()) text += ' ' + field;
    }
    for (const std::string& cpe : match->cpes) text += ' ' + cpe;
    return text;
  }

  std::unique_ptr<MatchEngine> engine_;
};

TEST_P(MatchEngineTest, TellsFieldsOfTheFirstLine) {
  const auto match = engine_->match({.probe = kNull, .response = "SSH-2.0-OpenSSH_9.2p1\r\n"});
  ASSERT_TRUE(match);
  EXPECT_EQ(match->probe, kNull);
  EXPECT_EQ(match->index, 0U);
  EXPECT_FALSE(match->is_soft);
  EXPECT_EQ(match->service, "ssh");
  EXPECT_THAT(match->fields, ElementsAre("OpenSSH", "9.2p1", "protocol 2.0", "", "", ""));
  EXPECT_THAT(match->cpes, ElementsAre("cpe:/a:openbsd:openssh:9.2p1"));
}

TEST_P(MatchEngineTest, TheOrderOfTheFileDecides) {
  EXPECT_EQ(ask(kNull, "SSH-1.5-else"), "ssh?");
  // A soft line that comes first hides a hard one.
  EXPECT_EQ(ask(kNull, "220 Some FTP"), "ftp?");
  EXPECT_EQ(ask(kNull, "220 mail ESMTP"), "smtp mail");
  EXPECT_EQ(ask(kGet, "HTTP/1.1 200 OK\r\nServer: Alpha/1.2\r\n"), "http Alpha 1.2");
  EXPECT_EQ(ask(kGet, "HTTP/1.1 200 OK\r\nServer: Beta/1.2\r\n"), "http Beta");
}

// As Nmap does: what is longer than its fields is not told, and a part has its last CPE.
TEST_P(MatchEngineTest, TellsWhatNmapWouldTell) {
  use("Probe TCP NULL q||\n"
      "match a m|^a (\\S+)(b)?| p/$1/ i/$1/ o/$2/ cpe:/o:x:$1/ cpe:/a:x:y/ cpe:/a:x:z/\n");
  const auto tell = [&](std::size_t length) {
    std::string response = "a ";
    response.append(length, 'x');
    return engine_->match({.probe = kNull, .response = response}).value();
  };
  const LineMatch shorter = tell(20);
  EXPECT_EQ(shorter.fields[0], std::string(20, 'x'));
  EXPECT_EQ(shorter.fields[4], "");
  EXPECT_THAT(shorter.cpes, ElementsAre("cpe:/a:x:z", "cpe:/o:x:" + std::string(20, 'x')));
  const LineMatch longer = tell(100);
  EXPECT_EQ(longer.fields[0], "");
  EXPECT_EQ(longer.fields[2], std::string(100, 'x'));
  EXPECT_THAT(longer.cpes, ElementsAre("cpe:/a:x:z"));
}

TEST_P(MatchEngineTest, FallsBackAndThenToNull) {
  EXPECT_EQ(ask(kAsks, "HTTP/1.1 200 OK\r\nServer: Beta\r\n"), "http Beta");
  EXPECT_EQ(ask(kAsks, "HTTP/9"), "ask");
  EXPECT_EQ(ask(kAsks, "220 mail ESMTP"), "smtp mail");
  EXPECT_EQ(ask(kGet, "220 mail ESMTP"), "smtp mail");
  // Not the other way round, and not over UDP.
  EXPECT_EQ(ask(kGet, "HTTP/9"), "-");
  EXPECT_EQ(ask(kNull, "HTTP/1.1 200 OK\r\nServer: Beta\r\n"), "-");
  EXPECT_EQ(ask(kDatagram, "ok"), "udp");
  EXPECT_EQ(ask(kDatagram, "220 mail ESMTP"), "-");
  const auto match = engine_->match({.probe = kAsks, .response = "220 mail ESMTP"});
  ASSERT_TRUE(match);
  EXPECT_EQ(match->probe, kNull);
  EXPECT_EQ(match->index, 4U);
}

TEST_P(MatchEngineTest, FlagsCount) {
  EXPECT_EQ(ask(kNull, "220-my FtP"), "ftp?");
  // Without s a dot takes no newline.
  EXPECT_EQ(ask(kNull, "220-my\nFtP"), "-");
  EXPECT_EQ(ask(kNull, "ssh-2.0-OpenSSH_9"), "-");
  EXPECT_EQ(ask(kGet, "HTTP/1.1 200\n\nServer: Beta"), "http Beta");
}

TEST_P(MatchEngineTest, AnchorsAreThoseOfTheWholeResponse) {
  EXPECT_EQ(ask(kNull, "\nSSH-2.0"), "-");
  // A dollar stands before a last newline too.
  EXPECT_EQ(ask(kGet, "00FFAA"), "odd");
  EXPECT_EQ(ask(kGet, "00FFAA\n"), "odd");
  EXPECT_EQ(ask(kGet, "00FFAA\r\n"), "-");
  EXPECT_EQ(ask(kGet, "00FFAA\n\n"), "-");
  EXPECT_EQ(ask(kGet, ""), "empty");
  EXPECT_EQ(ask(kGet, std::string_view{}), "empty");
  EXPECT_EQ(ask(kGet, "\n"), "empty");
  EXPECT_EQ(ask(kNull, ""), "-");
}

TEST_P(MatchEngineTest, TlsLinesSaySo) { EXPECT_EQ(ask(kAsks, "\x16\x03\x01"), "wrapped*"); }

TEST_P(MatchEngineTest, ResponsesAreBytes) {
  use("Probe TCP NULL q||\n"
      "match nul m|^a\\0b(.)c|s p/$1/\n"
      "match high m|^\\xff\xfe.\\x80| p/high/\n"
      "match both m|^(..)-\\1-x| p/$1/\n"
      "match not m|^(?!no)..-y|\n"
      "match case m|^ab\\xe4z|i\n");
  EXPECT_EQ(ask(0, "a\0bxc"s), "nul x");
  EXPECT_EQ(ask(0, "\xff\xfe\xfd\x80"), "high high");
  EXPECT_EQ(ask(0, "ab-ab-x"), "both ab");
  EXPECT_EQ(ask(0, "ab-ac-x"), "-");
  EXPECT_EQ(ask(0, "ye-y"), "not");
  EXPECT_EQ(ask(0, "no-y"), "-");
  EXPECT_EQ(ask(0, "aB\xe4Z"), "case");
  // No letter of ASCII.
  EXPECT_EQ(ask(0, "aB\xc4Z"), "-");
}

TEST_P(MatchEngineTest, FindsTextWhereItStandsSecond) {
  // What Vectorscan tells first is not where the line has it.
  use("Probe TCP NULL q||\n"
      "match second m|^....wxyz|\n"
      "match first m|^wxyz|\n");
  EXPECT_EQ(ask(0, "wxyzwxyz"), "second");
  EXPECT_EQ(ask(0, "wxyz"), "first");
  EXPECT_EQ(ask(0, "wxywxyz"), "-");
  EXPECT_EQ(ask(0, "wxwwwxyz"), "second");
}

TEST_P(MatchEngineTest, LinesMayShareTextAndDifferInCase) {
  use("Probe TCP NULL q||\n"
      "match one m|^x.*hello|\n"
      "match two m|^y.*hello|\n"
      "match three m|hello|i\n");
  EXPECT_EQ(ask(0, "y hello"), "two");
  EXPECT_EQ(ask(0, "x hello"), "one");
  EXPECT_EQ(ask(0, "x HELLO"), "three");
  EXPECT_EQ(ask(0, "z hello"), "three");
}

TEST_P(MatchEngineTest, BeginsAnywhereInLongResponses) {
  use("Probe TCP NULL q||\n"
      "match far m|need(\\d)le.{3}| p/$1/\n"
      "match behind m|(?<=ab)cd$|\n");
  // Around the steps between which the clock is looked at.
  for (const std::size_t before : {0U, 60U, 63U, 64U, 65U, 127U, 128U, 1000U, 100000U}) {
    const std::string hay(before, 'n');
    EXPECT_EQ(ask(0, hay + "need7le..."), "far 7") << before;
    EXPECT_EQ(ask(0, hay + "need7le.."), "-") << before;
    EXPECT_EQ(ask(0, hay + "abcd"), "behind") << before;
  }
  EXPECT_EQ(ask(0, std::string(1U << 20U, '\0') + "need7le..."), "far 7");
}

TEST_P(MatchEngineTest, WrongPatternsAreToldOfAndLeftOut) {
  use("Probe TCP NULL q||\n"
      "match one m|ab(c|\n"
      "match two m|abc|\n"
      "match three m|(*UTF)abc|\n");
  EXPECT_EQ(ask(0, "abc"), "two");
  ASSERT_EQ(engine_->problems().size(), 2U);
  EXPECT_EQ(engine_->problems()[0].line, 2U);
  EXPECT_THAT(engine_->problems()[0].reason, testing::HasSubstr("parenthesis"));
  EXPECT_THAT(engine_->problems()[0].reason, testing::HasSubstr("at byte 4"));
  EXPECT_EQ(engine_->problems()[1].line, 4U);
}

TEST_P(MatchEngineTest, APatternThatExplodesIsGivenUpAndTold) {
  use("Probe TCP NULL q||\n"
      "match boom m|^(a+)+$|\n"
      "match boom m|(a+)+b(a+)+b$|\n"
      "match after m|^aaa|\n");
  EXPECT_EQ(ask(0, std::string(64, 'a') + "!"), "after");
  EXPECT_EQ(ask(0, std::string(64, 'a') + "!"), "after");
  const auto told = engine_->given_up();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].line, 2U);
  EXPECT_THAT(told[0].reason, testing::HasSubstr("limit"));
  EXPECT_EQ(engine_->statistics().given_up, 2U);
  EXPECT_EQ(engine_->statistics().deadlines, 0U);
}

TEST_P(MatchEngineTest, ALongResponseTakesStackOfItsOwn) {
  use("Probe TCP NULL q||\n"
      "match deep m|^(?:(a)\\|(b))*z|\n"
      "match after m|^a|\n");
  const std::string response = [] {
    std::string text;
    for (int i = 0; i < 500'000; ++i) text += "a|b";
    return text;
  }();
  EXPECT_EQ(ask(0, response), "after");
}

TEST_P(MatchEngineTest, ManyGroupsAreNoTrouble) {
  std::string probes = "Probe TCP NULL q||\nmatch many m|^";
  for (int i = 0; i < 100; ++i) probes += "(a)";
  use(probes + "(b)| p/$1/\n");
  EXPECT_EQ(ask(0, std::string(100, 'a') + "b"), "many a");
}

TEST_P(MatchEngineTest, AskingForNoProbeMatchesNothing) { EXPECT_EQ(ask(17, "SSH-2.0"), "-"); }

TEST_P(MatchEngineTest, ThreadsMatchAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, &wrong] {
      for (int round = 0; round < 200; ++round) {
        if (ask(kGet, "HTTP/1.1 200 OK\r\nServer: Alpha/1.2\r\n") != "http Alpha 1.2") ++wrong;
        if (ask(kAsks, "220 mail ESMTP") != "smtp mail") ++wrong;
        if (ask(kNull, "nothing known") != "-") ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(engine_->statistics().responses, 4U * 200U * 3U);
}

INSTANTIATE_TEST_SUITE_P(Ways, MatchEngineTest, testing::Bool(),
                         [](const auto& way) { return way.param ? "Prefilter" : "Plain"; });

TEST(MatchEnginePrefilter, TriesPatternsWithoutTextWhereTheyMayBegin) {
  const auto engine =
      open(parse("Probe TCP NULL q||\n"
                 "match hex m|^[0-9A-F]{6}$|\n"
                 "match any m=^(?:alpha\\d|beta)=i\n"
                 "match long m|^.{20}|s\n"
                 "match not m|^(?!no)..$|\n"
                 "match odd m|[xyz]{3}|\n"
                 "match nothing m|^\\n*$|\n"));
  const auto tried = [&engine](std::string_view response) {
    const auto before = engine->statistics().candidates;
    const auto match = engine->match({.probe = 0, .response = response});
    return (match ? match->service : "-") + " " +
           std::to_string(engine->statistics().candidates - before);
  };
  // The last three may begin like that.
  EXPECT_EQ(tried("-else"), "- 3");
  EXPECT_EQ(tried("0000FF"), "hex 1");
  EXPECT_EQ(tried("BETA"), "any 1");
  EXPECT_EQ(tried("-nothing that is known-"), "long 1");
  EXPECT_EQ(tried("no"), "- 2");
  EXPECT_EQ(tried("ye"), "not 1");
  EXPECT_EQ(tried("-xyz"), "odd 2");
  EXPECT_EQ(tried("\n"), "nothing 1");
  EXPECT_EQ(tried(""), "nothing 1");
}

TEST(MatchEnginePrefilter, TriesFewLines) {
  std::string probes = "Probe TCP NULL q||\n";
  for (int i = 100; i < 400; ++i) {
    probes += "match s" + std::to_string(i) + " m|^220 .*Server" + std::to_string(i) + "|\n";
  }
  const auto engine = open(parse(probes));
  const auto match = engine->match({.probe = 0, .response = "220 hello Server399"});
  ASSERT_TRUE(match);
  EXPECT_EQ(match->service, "s399");
  EXPECT_EQ(engine->statistics().candidates, 1U);
}

TEST(MatchEngineDeadline, EndsAResponseThatTakesTooLong) {
  // A hundred lines of 10^7 steps each take more than a millisecond on anything.
  std::string probes = "Probe TCP NULL q||\n";
  for (int i = 0; i < 100; ++i) probes += "match boom m|^(a+)+" + std::to_string(i) + "?$|\n";
  probes += "match after m|^a|\n";
  const auto engine =
      open(parse(probes),
           {.cache_folder = "", .deadline = std::chrono::milliseconds{1}, .uses_prefilter = true});
  const std::string response = std::string(64, 'a') + "!";
  EXPECT_FALSE(engine->match({.probe = 0, .response = response}));
  EXPECT_EQ(engine->statistics().deadlines, 1U);
  EXPECT_LT(engine->given_up().size(), 100U);
}

// Begins anywhere, and takes nearly all steps from each byte without hitting their limit.
TEST(MatchEngineDeadline, TellsWhichLineRanIntoIt) {
  const auto engine = open(
      parse("Probe TCP NULL q||\nmatch fine m|^b|\nmatch slow m|(?:a+)+z\\d|\nmatch after m|a|\n"),
      {.cache_folder = "", .deadline = std::chrono::milliseconds{50}, .uses_prefilter = false});
  std::string response;
  for (int i = 0; i < 20'000; ++i) response += "aaaaaaaaaaaaaaa-z";
  EXPECT_FALSE(engine->match({.probe = 0, .response = response}));
  EXPECT_EQ(engine->statistics().deadlines, 1U);
  ASSERT_EQ(engine->given_up().size(), 1U);
  EXPECT_EQ(engine->given_up()[0].line, 3U);
  EXPECT_EQ(engine->given_up()[0].reason, "took longer than 50 ms");
}

TEST(MatchEngineGivenUp, LinesAreToldInTheOrderInWhichTheyWere) {
  const auto engine =
      open(parse("Probe TCP NULL q||\nmatch one m|^1(a+)+$|\nmatch two m|^2(a+)+$|\n"));
  const std::string slow = std::string(64, 'a') + "!";
  for (const char* first : {"2", "1", "2"}) {
    EXPECT_FALSE(engine->match({.probe = 0, .response = first + slow}));
  }
  ASSERT_EQ(engine->given_up().size(), 2U);
  EXPECT_EQ(engine->given_up()[0].line, 3U);
  EXPECT_EQ(engine->given_up()[1].line, 2U);
  EXPECT_EQ(engine->statistics().given_up, 3U);
}

class MatchCache : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "trawl-match-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<MatchEngine> open_cached(std::string_view probes) const {
    return open(parse(probes), {.cache_folder = folder_.string()});
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{folder_}, fs::directory_iterator{}));
  }
  static void expect_works(const MatchEngine& engine) {
    const auto match =
        engine.match({.probe = kGet, .response = "HTTP/1.1 200 OK\r\nServer: Alpha/1.2\r\n"});
    ASSERT_TRUE(match);
    EXPECT_THAT(match->fields, ElementsAre("Alpha", "1.2", "", "", "", ""));
    EXPECT_TRUE(engine.match({.probe = kGet, .response = "00FFAA"}));
    EXPECT_TRUE(engine.match({.probe = kGet, .response = "220-FTP"}));
    EXPECT_FALSE(engine.match({.probe = kGet, .response = "else"}));
  }

  fs::path folder_;
};

TEST_F(MatchCache, IsWrittenOnceAndRead) {
  const auto first = open_cached(kProbes);
  EXPECT_FALSE(first->statistics().from_cache);
  expect_works(*first);
  const auto second = open_cached(kProbes);
  EXPECT_TRUE(second->statistics().from_cache);
  expect_works(*second);
  EXPECT_EQ(files(), 1U);
}

TEST_F(MatchCache, IsForTheVeryPatternsAndFlags) {
  const std::string probes = "Probe TCP NULL q||\nmatch a m|ab.c|\n";
  open_cached(probes);
  EXPECT_TRUE(open_cached(probes)->statistics().from_cache);
  EXPECT_FALSE(open_cached("Probe TCP NULL q||\nmatch a m|ab.d|\n")->statistics().from_cache);
  EXPECT_FALSE(open_cached("Probe TCP NULL q||\nmatch a m|ab.c|i\n")->statistics().from_cache);
  EXPECT_FALSE(open_cached("Probe TCP NULL q||\nmatch a m|ab.c|s\n")->statistics().from_cache);
  EXPECT_FALSE(open_cached(probes + "match b m|b|\n")->statistics().from_cache);
  // Other words for the same lines.
  EXPECT_TRUE(open_cached("Probe TCP NULL q||\nmatch b m|ab.c| p/x/\n")->statistics().from_cache);
}

TEST_F(MatchCache, KnowsWrongPatterns) {
  const std::string probes = "Probe TCP NULL q||\nmatch a m|ab(c|\nmatch b m|abc|\n";
  EXPECT_EQ(open_cached(probes)->problems().size(), 1U);
  const auto engine = open_cached(probes);
  EXPECT_TRUE(engine->statistics().from_cache);
  ASSERT_EQ(engine->problems().size(), 1U);
  EXPECT_EQ(engine->problems()[0].line, 2U);
}

TEST_F(MatchCache, IsMadeAnewWhereItIsDamaged) {
  open_cached(kProbes);
  const fs::path file = *fs::directory_iterator{folder_};
  const auto size = fs::file_size(file);
  for (const auto left : {std::uintmax_t{0}, std::uintmax_t{10}, size / 2, size - 1}) {
    fs::resize_file(file, left);
    const auto engine = open_cached(kProbes);
    EXPECT_FALSE(engine->statistics().from_cache) << left;
    expect_works(*engine);
    EXPECT_TRUE(open_cached(kProbes)->statistics().from_cache) << left;
  }
  std::ofstream{file} << "something else";
  EXPECT_FALSE(open_cached(kProbes)->statistics().from_cache);
  EXPECT_TRUE(open_cached(kProbes)->statistics().from_cache);
}

TEST_F(MatchCache, AFolderThatCannotBeWrittenIsNoError) {
  const auto engine = open(parse(kProbes), {.cache_folder = "/proc/trawl"});
  EXPECT_FALSE(engine->statistics().from_cache);
  expect_works(*engine);
}

TEST_F(MatchCache, ManyMayStartAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < 5; ++round) expect_works(*open_cached(kProbes));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(open_cached(kProbes)->statistics().from_cache);
}

}  // namespace
}  // namespace trawl::service
