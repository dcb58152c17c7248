#include "base/log.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

TEST(Log, GoesToStandardErrorOnly) {
  set_log_level(LogLevel::Warning);
  CaptureStdout();
  CaptureStderr();
  log_warning("link {} is down", "scan0");
  EXPECT_EQ(GetCapturedStderr(), "trawl: warning: link scan0 is down\n");
  EXPECT_EQ(GetCapturedStdout(), "");
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  set_log_level(LogLevel::Error);
  CaptureStderr();
  log_debug("no");
  log_info("no");
  log_warning("no");
  log_error("yes");
  EXPECT_EQ(GetCapturedStderr(), "trawl: error: yes\n");
  set_log_level(LogLevel::Debug);
  CaptureStderr();
  log_debug("now");
  EXPECT_EQ(GetCapturedStderr(), "trawl: debug: now\n");
}

TEST(Log, TextFromOutsideIsNotAFormat) {
  set_log_level(LogLevel::Error);
  CaptureStderr();
  log_line(LogLevel::Error, "{} {0} %n%s");
  EXPECT_EQ(GetCapturedStderr(), "trawl: error: {} {0} %n%s\n");
}

}  // namespace
}  // namespace trawl
