// Plays recorded and documented responses to the match engine with our own probe file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/match/match_engine.h"
#include "service/probes/probe_source.h"
#include "tests/service/banners/banner_case.h"

namespace trawl::service {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::size_t kFewestServices = 120;
constexpr std::size_t kFewestLines = 400;

std::string folder() {
  const char* value = std::getenv("TRAWL_BANNERS");
  return value == nullptr ? "tests/service/banners" : value;
}

const std::vector<BannerCase>& cases() {
  static const std::vector<BannerCase> all = [] {
    auto read = read_banner_cases(folder());
    if (!read) {
      ADD_FAILURE() << read.error().message;
      return std::vector<BannerCase>{};
    }
    return std::move(*read);
  }();
  return all;
}

std::shared_ptr<const ProbeFile> probes() {
  static const auto file = std::make_shared<const ProbeFile>(
      parse_probe_file(own_probe_text(), std::string(kOwnProbePath)));
  return file;
}

std::optional<std::size_t> probe_index(const BannerCase& banner) {
  const auto& all = probes()->probes;
  for (std::size_t index = 0; index < all.size(); ++index) {
    if (all[index].name == banner.probe && all[index].transport == banner.transport) return index;
  }
  return std::nullopt;
}

// Everything that is found, in one text, so that a difference is read at once.
std::string told(const std::string& service, bool is_soft,
                 const std::array<std::string, MatchLine::kFields>& fields,
                 const std::vector<std::string>& cpes) {
  constexpr std::array<std::string_view, MatchLine::kFields> kLetters = {"p", "v", "i",
                                                                         "h", "o", "d"};
  std::string text = service;
  if (is_soft) text += " (soft)";
  for (std::size_t field = 0; field < fields.size(); ++field) {
    if (fields[field].empty()) continue;
    text.append(" ").append(kLetters[field]).append("/").append(fields[field]).append("/");
  }
  for (const std::string& cpe : cpes) text.append(" ").append(cpe);
  return text;
}

// With the prefilter and without, as the engine promises the same of both.
class Banners : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    auto opened = MatchEngine::open(
        probes(),
        {.cache_folder = "", .deadline = std::chrono::minutes(5), .uses_prefilter = GetParam()});
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = std::move(*opened);
  }

  [[nodiscard]] std::optional<LineMatch> play(const BannerCase& banner) const {
    const auto probe = probe_index(banner);
    if (!probe) {
      ADD_FAILURE() << banner.place << ": there is no probe " << banner.probe;
      return std::nullopt;
    }
    return engine_->match({.probe = *probe, .response = banner.response});
  }

  [[nodiscard]] const MatchEngine& engine() const { return *engine_; }

 private:
  std::unique_ptr<MatchEngine> engine_;
};

INSTANTIATE_TEST_SUITE_P(Prefilter, Banners, testing::Bool(),
                         [](const auto& chosen) { return chosen.param ? "with" : "without"; });

TEST_P(Banners, AreFoundToBeWhatTheyAre) {
  ASSERT_THAT(cases(), testing::Not(IsEmpty()));
  for (const BannerCase& banner : cases()) {
    const auto found = play(banner);
    if (!found) {
      ADD_FAILURE() << banner.place << ": no line matches";
      continue;
    }
    const std::string service = found->is_tls ? "ssl/" + found->service : found->service;
    EXPECT_EQ(told(service, found->is_soft, found->fields, found->cpes),
              told(banner.service, banner.is_soft, banner.fields, banner.cpes))
        << banner.place << ", decided by line "
        << probes()->probes[found->probe].matches[found->index].line;
  }
}

// So no line stands wholly in another's shadow either.
TEST_P(Banners, ReachEveryLineOfTheFile) {
  std::set<std::pair<std::size_t, std::size_t>> reached;
  for (const BannerCase& banner : cases()) {
    if (const auto found = play(banner)) reached.emplace(found->probe, found->index);
  }
  const auto& all = probes()->probes;
  for (std::size_t probe = 0; probe < all.size(); ++probe) {
    for (std::size_t index = 0; index < all[probe].matches.size(); ++index) {
      const MatchLine& line = all[probe].matches[index];
      EXPECT_TRUE(reached.count({probe, index}) != 0)
          << "no case is decided by line " << line.line << ": " << line.service << " m|"
          << line.pattern << '|';
    }
  }
  EXPECT_THAT(engine().given_up(), IsEmpty());
}

TEST(OwnProbeFile, HasNoWrongLine) {
  for (const ProbeFileProblem& problem : probes()->problems) {
    ADD_FAILURE() << "line " << problem.line << ": " << problem.reason;
  }
  auto engine = MatchEngine::open(probes(), {});
  ASSERT_TRUE(engine) << engine.error().message;
  for (const ProbeFileProblem& problem : (*engine)->problems()) {
    ADD_FAILURE() << "line " << problem.line << ": " << problem.reason;
  }
}

TEST(OwnProbeFile, KnowsManyServices) {
  std::set<std::string> services;
  std::size_t lines = 0;
  for (const Probe& probe : probes()->probes) {
    lines += probe.matches.size();
    for (const MatchLine& line : probe.matches) services.insert(line.service);
  }
  EXPECT_GE(services.size(), kFewestServices);
  EXPECT_GE(lines, kFewestLines);
}

TEST(OwnProbeFile, AnchorsItsPatterns) {
  for (const Probe& probe : probes()->probes) {
    for (const MatchLine& line : probe.matches) {
      EXPECT_THAT(line.pattern, StartsWith("^")) << "line " << line.line;
    }
  }
}

// Nmap reports one CPE of each part and drops the others of a line.
TEST(OwnProbeFile, NamesOneCpeOfAPart) {
  for (const Probe& probe : probes()->probes) {
    for (const MatchLine& line : probe.matches) {
      std::set<std::string> parts;
      for (const std::string& cpe : line.cpes) {
        EXPECT_TRUE(parts.insert(cpe.substr(0, std::string_view("cpe:/a").size())).second)
            << "line " << line.line << ": " << cpe;
      }
    }
  }
}

TEST(BannerCases, SayWhereTheyAreFrom) {
  for (const BannerCase& banner : cases()) {
    EXPECT_THAT(banner.source, AnyOf(StartsWith("lab "), StartsWith("rfc "), StartsWith("docs "),
                                     StartsWith("form")))
        << banner.place;
  }
}

TEST(BannerCases, AreReadByteByByte) {
  const auto one = parse_banner_case(
      R"({"probe":"P","transport":"udp","response":"\u0000\u00ff\r\"","service":"x",)"
      R"("soft":true,"version":"1","cpe":["cpe:/a:b:c"],"source":"rfc 1"})",
      "here");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->response, std::string("\0\xff\r\"", 4));
  EXPECT_EQ(one->transport, Transport::Udp);
  EXPECT_TRUE(one->is_soft);
  EXPECT_EQ(one->fields[static_cast<std::size_t>(MatchLine::Field::Version)], "1");
  EXPECT_THAT(one->cpes, SizeIs(1));
}

TEST(BannerCases, TellWhatIsWrong) {
  for (const char* line : {"", "[]", R"({"probe":"P"})", R"({"probe":1})", R"({"odd":"x"})",
                           R"({"probe":"P","response":"\u0100","service":"x"})",
                           R"({"probe":"P","response":"a","service":"x"} more)"}) {
    const auto one = parse_banner_case(line, "here:1");
    ASSERT_FALSE(one) << line;
    EXPECT_THAT(one.error().message, HasSubstr("here:1: "));
  }
}

}  // namespace
}  // namespace trawl::service
