// Thousands of responses made from the lines of an installed file of Nmap's: the engine gives the
// very answer of trying all lines in order.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "service/match/match_engine.h"
#include "tests/service/match/response_generator.h"

namespace trawl::service {
namespace {

constexpr const char* kInstalled = "/usr/share/nmap/nmap-service-probes";
constexpr std::size_t kEach = 5;  // Every fifth line; the benchmark takes all.

std::string describe(const ProbeFile& file, const std::optional<LineMatch>& match) {
  if (!match) return "nothing";
  const MatchLine& line = file.probes[match->probe].matches[match->index];
  std::string text = "line " + std::to_string(line.line) + " " + match->service +
                     (match->is_soft ? " soft" : "") + (match->is_tls ? " tls" : "");
  for (const std::string& field : match->fields) text += " |" + field;
  for (const std::string& cpe : match->cpes) text += " " + cpe;
  return text;
}

class Replay : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto read = read_probe_file(kInstalled);
    if (!read) return;
    file_ = std::make_shared<const ProbeFile>(std::move(*read));
    fast_ = open(true);
    plain_ = open(false);
  }
  static void TearDownTestSuite() {
    fast_.reset();
    plain_.reset();
    file_.reset();
  }
  void SetUp() override {
    if (!file_) GTEST_SKIP() << "no " << kInstalled << " here";
  }

  static std::unique_ptr<MatchEngine> open(bool uses_prefilter) {
    auto engine = MatchEngine::open(file_, {.cache_folder = "",
                                            .deadline = std::chrono::milliseconds{0},
                                            .uses_prefilter = uses_prefilter});
    EXPECT_TRUE(engine);
    return std::move(*engine);
  }

  // The answer of both, which has to be one.
  std::optional<LineMatch> ask(const MatchRequest& request) {
    auto fast = fast_->match(request);
    const auto plain = plain_->match(request);
    ++asked_;
    if (fast) ++matched_;
    if (describe(*file_, fast) != describe(*file_, plain)) {
      ADD_FAILURE() << "probe " << file_->probes[request.probe].name << ": "
                    << describe(*file_, fast) << " instead of " << describe(*file_, plain)
                    << " for "
                    << testing::PrintToString(std::string{request.response.substr(0, 2000)});
    }
    return fast;
  }

  static inline std::shared_ptr<const ProbeFile> file_;
  static inline std::unique_ptr<MatchEngine> fast_, plain_;
  std::size_t asked_ = 0, matched_ = 0;
};

TEST_F(Replay, PrefilterChangesNoAnswer) {
  ResponseGenerator generator{5};
  std::size_t made = 0, own = 0, number = 0;
  for (std::size_t probe = 0; probe < file_->probes.size(); ++probe) {
    for (std::size_t index = 0; index < file_->probes[probe].matches.size(); ++index) {
      if (number++ % kEach != 0) continue;
      const MatchLine& line = file_->probes[probe].matches[index];
      const std::string response = generator.make(line);
      if (response.empty()) continue;
      ++made;
      const auto match = ask({.probe = probe, .response = response});
      // An earlier line may know it too.
      if (match && match->probe == probe && match->index <= index) ++own;
      const std::string changed = generator.mutate(response);
      ask({.probe = probe, .response = changed});
      if (HasFailure()) return;
    }
  }
  EXPECT_GE(made, 2000U);
  // Else the responses are none that show anything.
  EXPECT_GE(own, made * 9 / 10) << made;
  EXPECT_GE(matched_, 2000U);
  RecordProperty("responses", static_cast<int>(asked_));
  RecordProperty("matched", static_cast<int>(matched_));
}

TEST_F(Replay, ProbesFallBackToOthersAndToNull) {
  ResponseGenerator generator{6};
  std::size_t from_others = 0;
  for (std::size_t probe = 0; probe < file_->probes.size(); ++probe) {
    const Probe& asked = file_->probes[probe];
    std::vector<std::size_t> others = asked.fallbacks;
    if (asked.transport == Transport::Tcp && file_->null_probe)
      others.push_back(*file_->null_probe);
    for (const std::size_t other : others) {
      const auto& lines = file_->probes[other].matches;
      for (std::size_t left = 3; left > 0; --left) {
        const std::string response = generator.make(lines[generator.below(lines.size())]);
        const auto match = ask({.probe = probe, .response = response});
        if (match && match->probe != probe) ++from_others;
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GE(from_others, 100U);
}

TEST_F(Replay, OddResponsesGetTheSameAnswer) {
  const std::string megabyte(1U << 20U, 'a');
  const std::string nuls(4096, '\0');
  std::string lines;
  while (lines.size() < 100'000) lines += "220 ready\r\nHTTP/1.1 200 OK\r\nServer: \r\n";
  for (const std::string_view response :
       {std::string_view{}, std::string_view{"\n"}, std::string_view{nuls},
        std::string_view{megabyte}, std::string_view{lines}}) {
    for (std::size_t probe = 0; probe < file_->probes.size(); probe += 7) {
      ask({.probe = probe, .response = response});
    }
  }
}

}  // namespace
}  // namespace trawl::service
