#include "control/survey/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "tests/control/file_size_limit.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

// Standard output is `fd` while this lives.
class StandardOutput {
 public:
  explicit StandardOutput(int fd) : saved_{dup(STDOUT_FILENO)} {
    std::fflush(stdout);
    dup2(fd, STDOUT_FILENO);
  }
  ~StandardOutput() {
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
  }
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

 private:
  int saved_;
};

std::string numbered_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "line number " + std::to_string(1000 + i) + "\n";
  return lines;
}

TEST(OutputFile, WritesNothingBeforeAFlushAndEverythingAtIt) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->append("one\n"));
  EXPECT_EQ(file.content(), "");
  ASSERT_TRUE(output->flush());
  EXPECT_EQ(file.content(), "one\n");
  ASSERT_TRUE(output->append("two\n"));
  ASSERT_TRUE(output->close());
  EXPECT_EQ(file.content(), "one\ntwo\n");
  EXPECT_TRUE(output->close());
}

TEST(OutputFile, ReplacesWhatWasThere) {
  const TempFile file{"old content that is longer\n", ".txt"};
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->append("new\n"));
  ASSERT_TRUE(output->close());
  EXPECT_EQ(file.content(), "new\n");
}

TEST(OutputFile, FlushesByItselfWhenTheBufferIsFull) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  const std::string line = std::string(1023, 'x') + '\n';
  std::string all;
  while (all.size() < 3 * OutputFile::kBufferSize) {
    ASSERT_TRUE(output->append(line));
    all += line;
  }
  EXPECT_GE(file.content().size(), 2 * OutputFile::kBufferSize);
  ASSERT_TRUE(output->close());
  EXPECT_EQ(file.content(), all);
}

TEST(OutputFile, FullDiskIsAnErrorThatNamesTheFileAndWhatToDo) {
  auto output = OutputFile::create("/dev/full");
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->append("line\n"));
  for (int i = 0; i < 2; ++i) {
    const auto got = output->flush();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ExitCode::Output);
    EXPECT_TRUE(got.error().retryable);
    EXPECT_EQ(got.error().message,
              "/dev/full: cannot be written: No space left on device; free some space, or write "
              "to another file system");
  }
  EXPECT_FALSE(output->close());
}

TEST(OutputFile, ShortWriteLeavesOnlyWholeLinesAndTheNextFlushTheRest) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  const std::string lines = numbered_lines(1000);
  ASSERT_TRUE(output->append(lines));
  {
    const FileSizeLimit limit{4000};
    const auto got = output->flush();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ExitCode::Output);
    EXPECT_NE(got.error().message.find("File too large; raise the file size limit"),
              std::string::npos);
    const std::string written = file.content();
    EXPECT_EQ(written.size(), 4000 / 17 * 17);
    EXPECT_TRUE(lines.starts_with(written));
    // Trying again in vain changes nothing.
    EXPECT_FALSE(output->flush());
    EXPECT_EQ(file.content(), written);
  }
  ASSERT_TRUE(output->append("the end\n"));
  ASSERT_TRUE(output->close());
  EXPECT_EQ(file.content(), lines + "the end\n");
}

TEST(OutputFile, ALineThatDoesNotFitAtAllLeavesNoTrace) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->append(std::string(99, 'x') + '\n'));
  const FileSizeLimit limit{50};
  EXPECT_FALSE(output->flush());
  EXPECT_EQ(file.content(), "");
}

TEST(OutputFile, StandardOutputInAppendModeKeepsWhatWasThere) {
  const TempFile file{"earlier\n", ".txt"};
  const int fd = open(file.path().c_str(), O_WRONLY | O_APPEND);
  const std::string lines = numbered_lines(100);
  {
    const StandardOutput redirected{fd};
    auto output = OutputFile::create("-");
    ASSERT_TRUE(output);
    EXPECT_EQ(output->name(), "standard output");
    ASSERT_TRUE(output->append(lines));
    {
      const FileSizeLimit limit{1000};
      EXPECT_FALSE(output->flush());
    }
    const std::string written = file.content();
    EXPECT_EQ(written.size(), 8U + 992 / 17 * 17);
    EXPECT_TRUE(("earlier\n" + lines).starts_with(written));
    EXPECT_TRUE(output->close());
  }
  close(fd);
  EXPECT_EQ(file.content(), "earlier\n" + lines);
}

TEST(OutputFile, NonBlockingPipeGetsEverything) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe2(pipe_ends.data(), O_NONBLOCK), 0);
  fcntl(pipe_ends[0], F_SETFL, 0);
  std::string got;
  std::thread reader{[&] {
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = read(pipe_ends[0], buffer.data(), buffer.size())) > 0;) {
      got.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }};
  const std::string lines = numbered_lines(12'000);  // More than a pipe holds.
  {
    const StandardOutput redirected{pipe_ends[1]};
    auto output = OutputFile::create("-");
    ASSERT_TRUE(output);
    EXPECT_TRUE(output->append(lines));
    EXPECT_TRUE(output->close());
  }
  close(pipe_ends[1]);
  reader.join();
  close(pipe_ends[0]);
  EXPECT_EQ(got, lines);
}

TEST(OutputFile, ClosedPipeIsAnErrorAndNotASignal) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  close(pipe_ends[0]);
  auto* const handler = std::signal(SIGPIPE, SIG_IGN);
  {
    const StandardOutput redirected{pipe_ends[1]};
    auto output = OutputFile::create("-");
    ASSERT_TRUE(output);
    ASSERT_TRUE(output->append("line\n"));
    const auto got = output->flush();
    ASSERT_FALSE(got);
    EXPECT_FALSE(got.error().retryable);
    EXPECT_EQ(got.error().message,
              "standard output: cannot be written: Broken pipe; whatever read the results has "
              "ended");
  }
  std::signal(SIGPIPE, handler);
  close(pipe_ends[1]);
}

TEST(OutputFile, PlacesThatCannotBeWrittenAreRefusedAtOnce) {
  const std::pair<const char*, const char*> cases[] = {
      {"/", "/: cannot be created: Is a directory; name a file, not a directory"},
      {"/no/such/dir/x", "No such file or directory; create its directory first"},
      {"/proc/version/x", "Not a directory"}};
  for (const auto& [path, why] : cases) {
    const auto got = OutputFile::create(path);
    ASSERT_FALSE(got) << path;
    EXPECT_EQ(got.error().code, ExitCode::Output);
    EXPECT_NE(got.error().message.find(why), std::string::npos) << got.error().message;
  }
}

TEST(OutputFile, ATrailerStaysBehindTheLinesAndOutOfThePosition) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->flush("the very end\n"));
  EXPECT_EQ(file.content(), "the very end\n");
  EXPECT_EQ(output->position(), 0U);
  ASSERT_TRUE(output->append("one\n"));
  ASSERT_TRUE(output->flush("end\n"));
  EXPECT_EQ(file.content(), "one\nend\n");
  EXPECT_EQ(output->position(), 4U);
  ASSERT_TRUE(output->append("two\n"));
  ASSERT_TRUE(output->close("last\n"));
  EXPECT_EQ(file.content(), "one\ntwo\nlast\n");
  EXPECT_EQ(output->position(), 8U);
}

TEST(OutputFile, AFlushWithATrailerIsAllOrNothing) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->append("one\n"));
  ASSERT_TRUE(output->flush("]\n"));
  const std::string lines = numbered_lines(100);
  ASSERT_TRUE(output->append(lines));
  {
    const FileSizeLimit limit{500};
    EXPECT_FALSE(output->flush("]\n"));
    EXPECT_EQ(file.content(), "one\n]\n");
    EXPECT_FALSE(output->flush("]\n"));
    EXPECT_EQ(file.content(), "one\n]\n");
    EXPECT_EQ(output->position(), 4U);
  }
  ASSERT_TRUE(output->close("]\n"));
  EXPECT_EQ(file.content(), "one\n" + lines + "]\n");
}

TEST(OutputFile, PositionCountsWhatWentThroughOfAFailedFlush) {
  const TempFile file;
  auto output = OutputFile::create(file.path());
  ASSERT_TRUE(output);
  ASSERT_TRUE(output->append(numbered_lines(100)));
  const FileSizeLimit limit{500};
  EXPECT_FALSE(output->flush());
  EXPECT_EQ(output->position(), 500U / 17 * 17);
}

TEST(OutputFile, ReopenCutsAndContinues) {
  const TempFile file{"one\ntwo\nthr", ".txt"};
  auto output = OutputFile::reopen(file.path(), 4);
  ASSERT_TRUE(output);
  EXPECT_EQ(file.content(), "one\n");
  EXPECT_EQ(output->position(), 4U);
  ASSERT_TRUE(output->append("2\n"));
  ASSERT_TRUE(output->close("end\n"));
  EXPECT_EQ(file.content(), "one\n2\nend\n");
  EXPECT_EQ(output->position(), 6U);
}

TEST(OutputFile, ReopenRefusesWhatItCannotContinue) {
  for (const char* path : {"/dev/null", "/", "/no/such/file"}) {
    const auto got = OutputFile::reopen(path, 0);
    ASSERT_FALSE(got) << path;
    EXPECT_EQ(got.error().code, ExitCode::Output);
    EXPECT_NE(got.error().message.find("cannot be continued"), std::string::npos);
  }
}

}  // namespace
}  // namespace trawl::control
