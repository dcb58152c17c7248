#include "control/survey/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace trawl::control {
namespace {

constexpr mode_t kFileMode = 0666;  // Less the umask.

std::string_view advice_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space, or write to another file system";
    case EFBIG: return "raise the file size limit (ulimit -f), or write to another file system";
    case EPIPE: return "whatever read the results has ended";
    case EISDIR: return "name a file, not a directory";
    case ENOENT: return "create its directory first";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a place you may write to";
    default: return "choose another place to write to";
  }
}

bool may_pass(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

// Waits until a non-blocking descriptor, as a shell may hand us, takes bytes again.
void wait_until_writable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  ::poll(&waiting, 1, -1);
}

// Writes all of it. Returns 0, or errno with `written` saying how much went through before.
int write_all(int fd, const char* data, std::size_t size, std::size_t& written) {
  written = 0;
  while (written < size) {
    const ssize_t put = ::write(fd, data + written, size - written);
    if (put >= 0) {
      written += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN) {
      wait_until_writable(fd);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

bool is_regular(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

OutputFile::OutputFile(int fd, bool owned, std::string name, OutputUnit unit)
    : fd_{fd},
      owned_{owned},
      regular_{is_regular(fd)},
      name_{std::move(name)},
      unit_{unit},
      buffer_{std::make_unique<char[]>(kBufferSize + kLongestTrailer)} {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)},
      owned_{other.owned_},
      regular_{other.regular_},
      name_{std::move(other.name_)},
      unit_{other.unit_},
      buffer_{std::move(other.buffer_)},
      used_{std::exchange(other.used_, 0)},
      position_{other.position_},
      trailer_{std::move(other.trailer_)} {}

OutputFile::~OutputFile() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

Failure OutputFile::failure(int error) const {
  Error made{.code = ExitCode::Output,
             .message = fmt::format("{}: cannot be written: {}; {}", name_, std::strerror(error),
                                    advice_for(error)),
             .retryable = may_pass(error)};
  return Failure{std::move(made)};
}

Result<OutputFile> OutputFile::create(const std::string& path, OutputUnit unit) {
  if (path == "-") return OutputFile{STDOUT_FILENO, false, "standard output", unit};
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
  if (fd < 0) {
    const int error = errno;
    return fail(ExitCode::Output, fmt::format("{}: cannot be created: {}; {}", path,
                                              std::strerror(error), advice_for(error)));
  }
  return OutputFile{fd, true, path, unit};
}

Result<OutputFile> OutputFile::reopen(const std::string& path, std::uint64_t bytes,
                                      OutputUnit unit) {
  const auto refused = [&path](std::string_view why) {
    return fail(ExitCode::Output,
                fmt::format("{}: cannot be continued: {}; put it back as it was, or start anew",
                            path, why));
  };
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return refused(std::strerror(errno));
  OutputFile file{fd, true, path, unit};
  if (!file.regular_) return refused("it is not a regular file");
  struct stat status {};
  if (::fstat(fd, &status) != 0) return refused(std::strerror(errno));
  if (static_cast<std::uint64_t>(status.st_size) < bytes) {
    return refused(
        fmt::format("it holds {} bytes and not the {} that were written", status.st_size, bytes));
  }
  file.position_ = bytes;
  if (!file.cut_to_position()) return refused(std::strerror(errno));
  return file;
}

Result<void> OutputFile::append(std::string_view lines) {
  if (lines.size() > room()) {
    if (auto flushed = flush(); !flushed) return flushed;
  }
  std::memcpy(tail(), lines.data(), lines.size());
  commit(lines.size());
  return {};
}

Result<void> OutputFile::flush(std::string_view trailer) {
  if (!trailer.empty() || !trailer_.empty()) return flush_whole(trailer);
  std::size_t written = 0;
  const int error = write_all(fd_, buffer_.get(), used_, written);
  if (error != 0) {
    drop_written(written);
    return failure(error);
  }
  position_ += used_;
  used_ = 0;
  return {};
}

// In one write, so that no moment has lines without their trailer.
Result<void> OutputFile::flush_whole(std::string_view trailer) {
  if (is_rewritable() && ::lseek(fd_, static_cast<off_t>(position_), SEEK_SET) < 0) {
    return failure(errno);
  }
  trailer.copy(tail(), trailer.size());
  const std::size_t size = used_ + trailer.size();
  std::size_t written = 0;
  const int error = write_all(fd_, buffer_.get(), size, written);
  if (error != 0 && !is_rewritable()) {
    drop_written(std::min(written, used_));
    return failure(error);
  }
  if (error != 0) {
    // The trailer of before had its room on the disk, and gets it back.
    if (cut_to_position() && !trailer_.empty()) {
      static_cast<void>(write_all(fd_, trailer_.data(), trailer_.size(), written));
    }
    return failure(error);
  }
  const bool shorter = size < trailer_.size();
  position_ += used_;
  used_ = 0;
  trailer_ = trailer;
  const auto end = static_cast<off_t>(position_ + trailer_.size());
  if (shorter && is_rewritable() && ::ftruncate(fd_, end) != 0) return failure(errno);
  return {};
}

bool OutputFile::cut_to_position() {
  const auto end = static_cast<off_t>(position_);
  return ::ftruncate(fd_, end) == 0 && ::lseek(fd_, end, SEEK_SET) == end;
}

// Takes what went through out of the buffer, and a partial last line out of the file; of records
// all that this flush put there.
void OutputFile::drop_written(std::size_t written) {
  const std::string_view through{buffer_.get(), written};
  const std::size_t last_line_end = through.rfind('\n');
  const bool lines = unit_ == OutputUnit::Line && last_line_end != std::string_view::npos;
  const std::size_t whole = lines ? last_line_end + 1 : 0;
  const auto partial = static_cast<off_t>(written - whole);
  std::size_t kept = used_ - written;
  if (partial > 0 && regular_) {
    const off_t end = ::lseek(fd_, 0, SEEK_CUR);
    // Standard output may be a file that others append to as well: theirs is not ours to cut.
    struct stat status {};
    const bool ours = ::fstat(fd_, &status) == 0 && status.st_size == end;
    const bool cut = ours && end >= partial && ::ftruncate(fd_, end - partial) == 0 &&
                     ::lseek(fd_, end - partial, SEEK_SET) >= 0;
    if (cut) kept = used_ - whole;
  }
  position_ += used_ - kept;
  std::memmove(buffer_.get(), buffer_.get() + (used_ - kept), kept);
  used_ = kept;
}

Result<void> OutputFile::sync() {
  if (fd_ >= 0 && regular_ && ::fsync(fd_) != 0 && errno != EINVAL) return failure(errno);
  return {};
}

Result<void> OutputFile::close(std::string_view trailer) {
  if (fd_ < 0) return {};
  if (auto flushed = flush(trailer); !flushed) return flushed;
  // File systems that write late (NFS, quotas) report a full disk only here.
  if (auto synced = sync(); !synced) return synced;
  const int fd = std::exchange(fd_, -1);
  if (owned_ && ::close(fd) != 0 && errno != EINTR) return failure(errno);
  return {};
}

}  // namespace trawl::control
