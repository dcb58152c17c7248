#include "control/survey/output/survey_outputs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/control/file_size_limit.h"
#include "tests/control/temp_file.h"
#include "tests/control/unzstd.h"
#include "tests/control/verdicts.h"

namespace trawl::control {
namespace {

using Positions = std::vector<OutputPosition>;

SurveyOutputsOptions options_for(std::vector<OutputSpec> outputs) {
  SurveyOutputsOptions options;
  options.outputs = std::move(outputs);
  options.states = StateSet::all();
  options.run.command_line = {"trawl", "survey"};
  options.run.ports = {443};
  return options;
}

std::unique_ptr<SurveyOutputs> opened(SurveyOutputsOptions options,
                                      std::span<const OutputPosition> resume_at = {}) {
  auto outputs = SurveyOutputs::open(std::move(options), resume_at);
  if (!outputs) {
    ADD_FAILURE() << outputs.error().message;
    return nullptr;
  }
  return std::move(*outputs);
}

// Verdicts that differ from each other, `first` on.
std::vector<Verdict> verdicts_from(std::uint16_t first, std::size_t count) {
  std::vector<Verdict> verdicts(count, open_verdict());
  for (Verdict& verdict : verdicts) verdict.port = first++;
  return verdicts;
}

// The decoded content, without the time in which an XML document ends.
std::string text_of(const TempFile& file) {
  std::string text = file.content();
  if (file.path().ends_with(".zst")) {
    const auto decoded = unzstd(text);
    EXPECT_TRUE(decoded) << file.path();
    text = decoded.value_or("not decodable");
  }
  return text.substr(0, text.find("<runstats"));
}

bool is_closed(const TempFile& file, OutputFormat format) {
  std::string text = file.content();
  if (file.path().ends_with(".zst")) text = unzstd(text).value_or("");
  switch (format) {
    case OutputFormat::MasscanJson: return text.starts_with("[\n") && text.ends_with("}\n]\n");
    case OutputFormat::MasscanList: return text.ends_with("\n# end\n");
    case OutputFormat::NmapXml:
      return text.ends_with("</nmaprun>\n") && text.find("<runstats") == text.rfind("<runstats");
    default: return text.ends_with('\n');
  }
}

class EveryFormat : public testing::TestWithParam<std::tuple<unsigned, const char*>> {
 protected:
  [[nodiscard]] static OutputFormat format() {
    return static_cast<OutputFormat>(std::get<0>(GetParam()));
  }
  [[nodiscard]] SurveyOutputsOptions options() const {
    return options_for({{file_.path(), format()}});
  }
  // What an uninterrupted survey writes.
  [[nodiscard]] std::string whole(std::size_t count) const {
    const auto outputs = opened(options());
    EXPECT_TRUE(outputs->write(verdicts_from(1, count)));
    EXPECT_TRUE(outputs->close());
    return text_of(file_);
  }

  // A name without the slash of a test with parameters.
  const std::string suffix_{std::get<1>(GetParam())};
  const TempFile file_{std::to_string(std::get<0>(GetParam())) + suffix_};
};

TEST_P(EveryFormat, IsAWholeDocumentAfterEachFlushAndTheEnd) {
  const auto outputs = opened(options());
  std::string before;
  for (std::uint16_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(outputs->write(verdicts_from(i, 1)));
    EXPECT_EQ(text_of(file_), i == 1 ? text_of(file_) : before);
    ASSERT_TRUE(outputs->flush());
    EXPECT_TRUE(is_closed(file_, format())) << i;
    EXPECT_EQ(outputs->positions().front().records, i);
    before = text_of(file_);
  }
  ASSERT_TRUE(outputs->close());
  EXPECT_EQ(text_of(file_), before);
  EXPECT_EQ(text_of(file_), whole(5));
}

TEST_P(EveryFormat, AnEmptySurveyIsADocumentToo) {
  const auto outputs = opened(options());
  ASSERT_TRUE(outputs->close());
  EXPECT_NE(text_of(file_), "not decodable");
  EXPECT_TRUE(format() != OutputFormat::MasscanJson || text_of(file_) == "[\n]\n");
  EXPECT_EQ(text_of(file_), whole(0));
}

TEST_P(EveryFormat, ContinuesAtItsPositionAsIfNothingHadHappened) {
  const std::string expected = whole(9);
  for (const std::size_t before : {0U, 4U}) {
    Positions positions;
    {
      const auto killed = opened(options());
      ASSERT_TRUE(killed->write(verdicts_from(1, before)));
      ASSERT_TRUE(killed->flush());
      positions = killed->positions();
      EXPECT_TRUE(positions.front().resumable);
      // What comes behind the checkpoint is found again by the survey that continues.
      ASSERT_TRUE(killed->write(verdicts_from(static_cast<std::uint16_t>(before + 1), 3)));
      ASSERT_TRUE(killed->flush());
    }
    // Twice killed before anything more is found.
    for (int i = 0; i < 2; ++i) {
      const auto idle = opened(options(), positions);
      EXPECT_TRUE(before == 0 || is_closed(file_, format()));
      ASSERT_TRUE(idle->flush());
      EXPECT_EQ(idle->positions(), positions);
    }
    const auto resumed = opened(options(), positions);
    const auto rest = verdicts_from(static_cast<std::uint16_t>(before + 1), 9 - before);
    ASSERT_TRUE(resumed->write(std::span{rest}.first(2)));
    ASSERT_TRUE(resumed->flush());
    ASSERT_TRUE(resumed->write(std::span{rest}.subspan(2)));
    ASSERT_TRUE(resumed->close());
    EXPECT_EQ(text_of(file_), expected);
    EXPECT_EQ(resumed->positions().front().records, 9U);
  }
}

TEST_P(EveryFormat, ContinuesBehindAClosedDocument) {
  const std::string expected = whole(6);
  const auto interrupted = opened(options());
  ASSERT_TRUE(interrupted->write(verdicts_from(1, 2)));
  ASSERT_TRUE(interrupted->close());
  const auto resumed = opened(options(), interrupted->positions());
  ASSERT_TRUE(resumed->write(verdicts_from(3, 4)));
  ASSERT_TRUE(resumed->close());
  EXPECT_EQ(text_of(file_), expected);
}

TEST_P(EveryFormat, AFullDiskLeavesAWholeDocumentAndLosesNothing) {
  constexpr std::size_t kMany = 3000;  // More than a buffer of the longest format.
  const std::string expected = whole(2 * kMany);
  const auto outputs = opened(options());
  const auto verdicts = verdicts_from(1, 2 * kMany);
  ASSERT_TRUE(outputs->write(std::span{verdicts}.first(10)));
  ASSERT_TRUE(outputs->flush());
  {
    const FileSizeLimit limit{std::filesystem::file_size(file_.path()) + 100};
    auto failed = outputs->write(std::span{verdicts}.subspan(10, kMany));
    if (failed) failed = outputs->flush();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ExitCode::Output);
    EXPECT_FALSE(outputs->flush());
    EXPECT_TRUE(is_closed(file_, format()));
    EXPECT_TRUE(suffix_.empty() || text_of(file_) != "not decodable");
    // Given although it did not work: kept as well.
    static_cast<void>(outputs->write(std::span{verdicts}.subspan(10 + kMany)));
    EXPECT_FALSE(outputs->close());
  }
  ASSERT_TRUE(outputs->close());
  EXPECT_EQ(text_of(file_), expected);
}

INSTANTIATE_TEST_SUITE_P(PlainAndCompressed, EveryFormat,
                         testing::Combine(testing::Range(0U, kVerdictFormats),
                                          testing::Values("", ".zst")));

TEST(SurveyOutputs, WriteToEachOutputWhatStatesAndFilterBothWant) {
  const TempFile csv{".csv"};
  const TempFile list{".list"};
  SurveyOutputsOptions options =
      options_for({{csv.path(), OutputFormat::Csv}, {list.path(), OutputFormat::MasscanList}});
  options.fields.lines = {ResultField::State, ResultField::Port};
  options.states = StateSet::open_only();
  options.filter = *OutputFilter::parse("port < 3 || state = closed", "--output-filter");
  const auto outputs = opened(options);
  std::vector<Verdict> verdicts = verdicts_from(1, 4);
  verdicts.push_back(closed_verdict());
  ASSERT_TRUE(outputs->write(verdicts));
  ASSERT_TRUE(outputs->close());
  EXPECT_EQ(csv.content(), "state,port\nopen,1\nopen,2\n");
  EXPECT_EQ(
      list.content(),
      "#masscan\nopen tcp 1 198.18.0.5 1767323045\nopen tcp 2 198.18.0.5 1767323045\n# end\n");
}

// A survey makes no verdict of what no output takes.
TEST(SurveyOutputs, TakeTheStatesThatAreWritten) {
  const TempFile csv{".csv"};
  SurveyOutputsOptions options = options_for({{csv.path(), OutputFormat::Csv}});
  options.states = StateSet::open_only();
  options.states.add(PortState::Unreachable);
  const auto outputs = opened(options);
  EXPECT_TRUE(outputs->takes(PortState::Open));
  EXPECT_TRUE(outputs->takes(PortState::Unreachable));
  EXPECT_FALSE(outputs->takes(PortState::Closed));
}

TEST(SurveyOutputs, PositionsCountWholeRecordsOnTheSystemsSide) {
  const TempFile csv{".csv"};
  const TempFile json{".json"};
  const auto outputs = opened(
      options_for({{csv.path(), OutputFormat::Csv}, {json.path(), OutputFormat::MasscanJson}}));
  const Positions before = outputs->positions();
  EXPECT_EQ(before[0].bytes, csv.content().size());
  EXPECT_EQ(before[1].bytes, 2U);
  ASSERT_TRUE(outputs->write(verdicts_from(1, 3)));
  EXPECT_EQ(outputs->positions(), before);
  ASSERT_TRUE(outputs->flush());
  ASSERT_TRUE(outputs->sync());
  const Positions after = outputs->positions();
  EXPECT_EQ(after[0].bytes, csv.content().size());
  EXPECT_EQ(after[1].bytes, json.content().size() - 2);
  EXPECT_EQ(after[0].path, csv.path());
  EXPECT_EQ(after[0].records, 3U);
}

// Frames of 60 bytes and more that differ from each other, a microsecond apart.
std::vector<dataplane::CapturedFrame> frames_from(unsigned first, unsigned count) {
  std::vector<dataplane::CapturedFrame> frames(count);
  for (dataplane::CapturedFrame& frame : frames) {
    frame.arrival = 1000 * Ticks{first};
    frame.length = static_cast<std::uint16_t>(60 + first % 400);
    frame.kept = static_cast<std::uint16_t>(
        std::min<std::size_t>(frame.length, dataplane::CapturedFrame::kMostBytes));
    frame.bytes.fill(static_cast<std::byte>(first++));
  }
  return frames;
}

const TscClock kClock = TscClock::with_rate(1e9);

// Checked byte for byte and without the code under test; "" or what is wrong.
std::string fault_of_capture(std::string_view file, unsigned first, unsigned count) {
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    file.substr(at).copy(reinterpret_cast<char*>(&value), 4);
    return value;
  };
  if (file.size() < 24 || word(0) != 0xa1b23c4d || word(4) != 0x00040002 || word(16) != 240 ||
      word(20) != 1) {
    return "header";
  }
  std::size_t at = 24;
  for (unsigned i = first; i < first + count; ++i) {
    const std::string where = "record " + std::to_string(i);
    const std::uint32_t length = 60 + i % 400;
    const std::uint32_t kept = std::min(length, 240U);
    if (at + 16 + kept > file.size()) return where + " is cut";
    if (word(at) != 0 || word(at + 4) != 1000 * i || word(at + 8) != kept ||
        word(at + 12) != length) {
      return where + " header";
    }
    if (file.substr(at + 16, kept) != std::string(kept, static_cast<char>(i))) return where;
    at += 16 + kept;
  }
  return at == file.size() ? "" : "more than was written";
}

std::string capture_in(const TempFile& file) {
  return file.path().ends_with(".zst") ? unzstd(file.content()).value_or("") : file.content();
}

TEST(SurveyOutputs, ACaptureHoldsFramesAndNoVerdicts) {
  for (const char* suffix : {".pcap", ".pcap.zst"}) {
    const TempFile pcap{suffix};
    const TempFile list{".list"};
    const auto outputs = opened(
        options_for({{pcap.path(), OutputFormat::Pcap}, {list.path(), OutputFormat::MasscanList}}));
    EXPECT_EQ(outputs->captures(), std::vector<std::size_t>{0});
    EXPECT_EQ(fault_of_capture(capture_in(pcap), 0, 0), "");
    ASSERT_TRUE(outputs->write(verdicts_from(1, 3)));
    ASSERT_TRUE(outputs->write_frames(frames_from(0, 7), kClock));
    EXPECT_EQ(fault_of_capture(capture_in(pcap), 0, 7), "") << "at once";
    EXPECT_EQ(outputs->positions()[0].records, 7U);
    EXPECT_EQ(outputs->positions()[1].records, 0U) << "only captures are flushed";
    ASSERT_TRUE(outputs->write_frames(frames_from(7, 4000), kClock));
    ASSERT_TRUE(outputs->close());
    EXPECT_EQ(fault_of_capture(capture_in(pcap), 0, 4007), "");
    EXPECT_EQ(std::ranges::count(list.content(), '\n'), 5);
  }
}

TEST(SurveyOutputs, ACaptureContinuesAtItsPosition) {
  for (const char* suffix : {".pcap", ".pcap.zst"}) {
    const TempFile pcap{suffix};
    const SurveyOutputsOptions options = options_for({{pcap.path(), OutputFormat::Pcap}});
    Positions positions;
    {
      const auto killed = opened(options);
      ASSERT_TRUE(killed->write_frames(frames_from(0, 9), kClock));
      positions = killed->positions();
      ASSERT_TRUE(killed->write_frames(frames_from(9, 5), kClock)) << "which nobody marked";
    }
    const auto resumed = opened(options, positions);
    ASSERT_TRUE(resumed->write_frames(frames_from(9, 11), kClock));
    ASSERT_TRUE(resumed->close());
    EXPECT_EQ(fault_of_capture(capture_in(pcap), 0, 20), "") << suffix;
  }
}

// Line feeds within frames are no places to cut at.
TEST(SurveyOutputs, AFullDiskTearsNoFrameAndLosesNone) {
  for (const char* suffix : {".pcap", ".pcap.zst"}) {
    const TempFile pcap{suffix};
    const auto outputs = opened(options_for({{pcap.path(), OutputFormat::Pcap}}));
    ASSERT_TRUE(outputs->write_frames(frames_from(0, 10), kClock));
    {
      const FileSizeLimit limit{pcap.content().size() + 1000};
      EXPECT_FALSE(outputs->write_frames(frames_from(10, 3000), kClock));
      EXPECT_FALSE(outputs->write_frames(frames_from(3010, 100), kClock));
      EXPECT_EQ(fault_of_capture(capture_in(pcap), 0, 10), "") << suffix;
    }
    ASSERT_TRUE(outputs->flush());
    EXPECT_EQ(fault_of_capture(capture_in(pcap), 0, 3110), "") << suffix;
    ASSERT_TRUE(outputs->close());
  }
}

TEST(SurveyOutputs, HoldWholeLinesAcrossMoreThanABuffer) {
  const TempFile file{".jsonl"};
  const auto outputs = opened(options_for({{file.path(), OutputFormat::Jsonl}}));
  const auto verdicts = verdicts_from(1, 5000);
  ASSERT_TRUE(outputs->write(verdicts));
  const std::string half = file.content();
  EXPECT_FALSE(half.empty());
  EXPECT_TRUE(half.ends_with("}\n"));
  ASSERT_TRUE(outputs->close());
  EXPECT_EQ(std::ranges::count(file.content(), '\n'), 5000);
}

TEST(SurveyOutputs, ALineThatOneOutputCannotTakeIsHeldBackFromAll) {
  const TempFile small{".list"};
  const TempFile large{".jsonl"};
  const auto outputs = opened(options_for(
      {{small.path(), OutputFormat::MasscanList}, {large.path(), OutputFormat::Jsonl}}));
  const auto verdicts = verdicts_from(1, 20'000);
  {
    const FileSizeLimit limit{1'000'000};
    EXPECT_FALSE(outputs->write(verdicts));
    EXPECT_FALSE(outputs->flush());
    EXPECT_LE(large.content().size(), 1'000'000U);
    EXPECT_TRUE(large.content().ends_with("}\n"));
  }
  ASSERT_TRUE(outputs->flush());
  ASSERT_TRUE(outputs->close());
  EXPECT_EQ(std::ranges::count(small.content(), '\n'), 20'002);
  EXPECT_EQ(std::ranges::count(large.content(), '\n'), 20'000);
}

TEST(SurveyOutputs, OneFailingOutputDoesNotKeepTheOthersFromTheirs) {
  const TempFile file{".jsonl"};
  const auto outputs =
      opened(options_for({{"/dev/full", OutputFormat::Jsonl}, {file.path(), OutputFormat::Jsonl}}));
  ASSERT_TRUE(outputs->write(verdicts_from(1, 1)));
  const auto flushed = outputs->flush();
  ASSERT_FALSE(flushed);
  EXPECT_TRUE(flushed.error().message.starts_with("/dev/full: ")) << flushed.error().message;
  EXPECT_TRUE(file.content().ends_with("}\n"));
  EXPECT_FALSE(outputs->close());
}

TEST(SurveyOutputs, AHeaderMeetsTheFullDiskBeforeAnythingIsProbed) {
  for (const auto format : {OutputFormat::Csv, OutputFormat::Zmap, OutputFormat::NmapXml}) {
    EXPECT_FALSE(SurveyOutputs::open(options_for({{"/dev/full", format}})));
  }
}

TEST(SurveyOutputs, AHeaderMayBeLargerThanABuffer) {
  for (const char* suffix : {".xml", ".xml.zst"}) {
    const TempFile file{suffix};
    SurveyOutputsOptions options = options_for({{file.path(), OutputFormat::NmapXml}});
    options.run.command_line = {std::string(700'000, 'x')};
    ASSERT_TRUE(opened(options)->close());
    const std::string text = text_of(file);
    EXPECT_NE(text.find(" args=\"" + options.run.command_line.front() + "\" "), std::string::npos);
    EXPECT_TRUE(is_closed(file, OutputFormat::NmapXml));
  }
}

TEST(SurveyOutputs, OneFileUnderTwoNamesIsRefused) {
  const TempFile file{"here\n", ".jsonl"};
  const TempFile link{".link"};
  std::filesystem::create_symlink(file.path(), link.path());
  const auto got = SurveyOutputs::open(
      options_for({{file.path(), OutputFormat::Jsonl}, {link.path(), OutputFormat::Csv}}));
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("are one file"), std::string::npos);
  EXPECT_EQ(file.content(), "here\n");
}

TEST(SurveyOutputs, RefuseToContinueWhatIsNotThereAnyMore) {
  const TempFile file{".jsonl"};
  const SurveyOutputsOptions options = options_for({{file.path(), OutputFormat::Jsonl}});
  const Positions position{{.path = file.path(), .resumable = true, .bytes = 50, .records = 1}};
  const auto missing = SurveyOutputs::open(options, position);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ExitCode::Output);
  EXPECT_NE(missing.error().message.find("cannot be continued: No such file"), std::string::npos);
  const TempFile shorter{"only this\n", ".jsonl"};
  const auto cut = SurveyOutputs::open(options, position);
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message.find("it holds 10 bytes and not the 50 that were written"),
            std::string::npos);
  EXPECT_EQ(shorter.content(), "only this\n");
  const Positions other{{.path = "elsewhere", .resumable = true}};
  const auto foreign = SurveyOutputs::open(options, other);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ExitCode::BadInput);
}

TEST(SurveyOutputs, WhatIsNoRegularFileStartsANewDocument) {
  const SurveyOutputsOptions options = options_for({{"/dev/null", OutputFormat::Csv}});
  const auto outputs = opened(options);
  ASSERT_TRUE(outputs->write(verdicts_from(1, 1)));
  ASSERT_TRUE(outputs->flush());
  const Positions positions = outputs->positions();
  EXPECT_FALSE(positions.front().resumable);
  const auto again = opened(options, positions);
  EXPECT_EQ(again->positions().front().records, 0U);
}

TEST(SurveyOutputs, APipeGetsItsFooterOnceAtTheEnd) {
  const TempFile fifo{".fifo"};
  ASSERT_EQ(mkfifo(fifo.path().c_str(), 0600), 0);
  const int reader = ::open(fifo.path().c_str(), O_RDONLY | O_NONBLOCK);
  const auto outputs = opened(options_for({{fifo.path(), OutputFormat::MasscanList}}));
  ASSERT_TRUE(outputs->write(verdicts_from(1, 1)));
  ASSERT_TRUE(outputs->flush());
  ASSERT_TRUE(outputs->flush());
  ASSERT_TRUE(outputs->write(verdicts_from(2, 1)));
  ASSERT_TRUE(outputs->close());
  std::string got(4096, '\0');
  const ssize_t size = ::read(reader, got.data(), got.size());
  ::close(reader);
  got.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  EXPECT_EQ(
      got, "#masscan\nopen tcp 1 198.18.0.5 1767323045\nopen tcp 2 198.18.0.5 1767323045\n# end\n");
}

}  // namespace
}  // namespace trawl::control
