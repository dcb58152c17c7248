#include "control/audit/resume/resume_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "control/audit/report/report_text.h"
#include "control/audit/resume/json_log.h"
#include "control/audit/resume/text_log.h"
#include "control/audit/resume/xml_log.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

// No report is shorter: its first line alone is longer.
constexpr off_t kShortestReport = 40;
constexpr std::size_t kPiece = std::size_t{64} * 1024;

std::unique_ptr<LogLines> lines_for(std::string_view first_line) {
  if (first_line.starts_with("# ")) return std::make_unique<TextLog>();
  if (first_line.starts_with("<?xml")) return std::make_unique<XmlLog>();
  if (first_line.starts_with('{')) return std::make_unique<JsonLog>();
  return nullptr;
}

Failure cannot_read(const std::string& path) {
  const int error = errno;
  return fail(ExitCode::Runtime, fmt::format("Could not mmap() {} file: {} ({})", printable(path),
                                             std::strerror(error), error));
}

}  // namespace

ResumeLogReader::ResumeLogReader(std::string_view name) : name_{printable(name)} {}

Result<void> ResumeLogReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t line_end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, line_end);
    // One byte more than fits says that it is too long.
    line_.append(piece.substr(0, kLongestLine + 1 - std::min(line_.size(), kLongestLine + 1)));
    read_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (bytes.empty()) return {};
    bytes.remove_prefix(1);
    ++read_;
    if (auto taken = take_line(true); !taken) return taken;
  }
  return {};
}

Result<LogRun> ResumeLogReader::finish() {
  if (!line_.empty()) {
    if (auto taken = take_line(false); !taken) return Failure{taken.error()};
  }
  if (!lines_ || !lines_->finish()) return no_report();
  return std::move(lines_->run());
}

Result<void> ResumeLogReader::take_line(bool has_line_feed) {
  if (!lines_) {
    lines_ = lines_for(line_);
    if (!lines_) return no_report();
  }
  LogLine line{.text = line_,
               .begin = line_begin_,
               .end = read_,
               .is_cut = line_.size() > kLongestLine,
               .has_line_feed = has_line_feed};
  if (!lines_->take(line)) return no_report();
  line_.clear();
  line_begin_ = read_;
  return {};
}

Failure ResumeLogReader::no_report() const {
  return fail(ExitCode::Runtime,
              fmt::format("Unable to parse supposed log file {}.  Sorry", name_));
}

Result<LogRun> read_resume_log(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return cannot_read(path);
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size < kShortestReport) {
    ::close(fd);
    return fail(ExitCode::Runtime,
                fmt::format("Output file {} is too short -- no use resuming", printable(path)));
  }
  ResumeLogReader reader{path};
  std::vector<char> piece(kPiece);
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const Failure failure = cannot_read(path);
      ::close(fd);
      if (got < 0) return failure;
      return reader.finish();
    }
    if (auto taken = reader.take({piece.data(), static_cast<std::size_t>(got)}); !taken) {
      ::close(fd);
      return Failure{taken.error()};
    }
  }
}

}  // namespace trawl::control
