#include "bench/survey/target_lines.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace trawl::survey_bench {
namespace {

constexpr std::size_t kBufferSize = std::size_t{4} << 20U;

}  // namespace

TargetLines::TargetLines(int descriptor) : descriptor_{descriptor}, buffer_(kBufferSize) {
  begin_ = end_ = filled_ = buffer_.data();
}

bool TargetLines::fill() {
  // The beginning of a line comes to the front.
  const auto kept = static_cast<std::size_t>(filled_ - end_);
  std::memmove(buffer_.data(), end_, kept);
  begin_ = buffer_.data();
  filled_ = begin_ + kept;
  const char* const limit = begin_ + buffer_.size() - 1;
  while (filled_ != limit) {
    const ssize_t got = ::read(descriptor_, filled_, static_cast<std::size_t>(limit - filled_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failed_ = true;
    if (got <= 0) {
      if (filled_ != begin_ && filled_[-1] != '\n') *filled_++ = '\n';
      end_ = filled_;
      return end_ != begin_;
    }
    filled_ += got;
    char* const line_feed =
        static_cast<char*>(memrchr(begin_, '\n', static_cast<std::size_t>(filled_ - begin_)));
    if (line_feed != nullptr) {
      end_ = line_feed + 1;
      return true;
    }
  }
  failed_ = true;  // No line is as long as the buffer.
  return false;
}

}  // namespace trawl::survey_bench
