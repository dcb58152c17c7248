#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/lab/process.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

TEST(LabProcess, FindsItselfAlive) {
  const auto self = find_process(getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, getpid());
  EXPECT_GT(self->start_time, 0U);
  EXPECT_TRUE(is_alive(*self));
  EXPECT_FALSE(is_alive({self->pid, self->start_time + 1}));
}

TEST(LabProcess, AZombieIsNotAlive) {
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(find_process(pid));
  waitpid(pid, nullptr, 0);
  EXPECT_FALSE(find_process(pid));
}

TEST(LabProcess, RunningProgramsAreFoundByName) {
  const std::string own = text_of("/proc/self/comm");
  EXPECT_TRUE(is_running(own.substr(0, own.find('\n'))));
  EXPECT_FALSE(is_running(own.substr(0, own.find('\n') - 1)));
  EXPECT_FALSE(is_running("no-such-name"));
}

// Opening either succeeds and reading fails, as it does with the files of a process that ends
// in between.
TEST(LabProcess, AFailedReadIsTheEndOfTheText) {
  EXPECT_EQ(text_of("/proc"), "");
  EXPECT_EQ(text_of("/proc/self/mem"), "");
  EXPECT_EQ(last_line_of("/proc"), "");
  EXPECT_EQ(text_of("/nonexistent"), "");
}

TEST(LabProcess, LastLineOfALogIsFitToPrint) {
  const TempFile log{"first\nsecond \x1b[2J\n\n", ".log"};
  EXPECT_EQ(text_of(log.path()), "first\nsecond \x1b[2J\n\n");
  EXPECT_EQ(last_line_of(log.path()), "second  [2J");
}

std::string error_of(const char* script) {
  const auto told = run({"/bin/sh", "-c", script});
  return told ? "" : told.error().message;
}

TEST(LabProcess, AFailedCommandIsQuotedWhereItSaysWhatIsWrong) {
  const std::string usage =
      error_of("printf '\n--frob: not expected\nRun with --help\n' >&2; exit 2");
  EXPECT_TRUE(usage.ends_with(" failed: --frob: not expected")) << usage;
  const std::string other = error_of("printf 'starting\nno \033memory\n\n' >&2; exit 1");
  EXPECT_TRUE(other.ends_with(" failed: no  memory")) << other;
  EXPECT_TRUE(error_of("exit 3").ends_with(" failed: "));
}

TEST(LabProcess, ACommandsOwnExitCodesPassOn) {
  const auto code_of = [](const char* script) {
    return run({"/bin/sh", "-c", script}).error().code;
  };
  EXPECT_EQ(code_of("exit 2"), ExitCode::Usage);
  EXPECT_EQ(code_of("exit 3"), ExitCode::BadInput);
  EXPECT_EQ(code_of("exit 9"), ExitCode::Runtime);
  EXPECT_EQ(run({"/bin/sh", "-c", "echo fine"}), "fine\n");
  EXPECT_EQ(run({"/nonexistent"}).error().message,
            "cannot start /nonexistent: No such file or directory");
}

}  // namespace
}  // namespace trawl::control
