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

}  // namespace
}  // namespace trawl::control
