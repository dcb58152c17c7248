#include "control/survey/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace trawl::control {
namespace {

std::string reason(int error) { return std::system_category().message(error); }

}  // namespace

MappedFile::Window::~Window() {
  if (at_ != nullptr) munmap(at_, size_);
}

MappedFile::Window& MappedFile::Window::operator=(Window&& other) noexcept {
  std::swap(at_, other.at_);
  std::swap(offset_, other.offset_);
  std::swap(size_, other.size_);
  return *this;
}

Result<MappedFile> MappedFile::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) {
    return fail(ExitCode::Output,
                fmt::format("--checkpoint {0}: the file is there already; go on with it by 'trawl "
                            "resume {0}', remove it, or name another",
                            path));
  }
  if (fd < 0) {
    return fail(ExitCode::Output, fmt::format("--checkpoint {}: it cannot be created: {}; choose "
                                              "another place",
                                              path, reason(errno)));
  }
  flock(fd, LOCK_EX | LOCK_NB);
  return MappedFile{path, fd};
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return fail(ExitCode::BadInput,
                fmt::format("{}: the checkpoint cannot be opened: {}", path, reason(errno)));
  }
  MappedFile file{path, fd};
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ExitCode::BadInput, fmt::format("{}: this is no checkpoint file", path));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(ExitCode::BadInput,
                fmt::format("{}: a running survey is using this checkpoint", path));
  }
  return file;
}

MappedFile::~MappedFile() {
  if (fd_ >= 0) close(fd_);
}

std::uint64_t MappedFile::size() const {
  struct stat status {};
  return fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

Result<void> MappedFile::allocate(std::uint64_t size) {
  const std::uint64_t now = this->size();
  if (size <= now) return {};
  int error = EINTR;
  while (error == EINTR) {
    error = posix_fallocate(fd_, static_cast<off_t>(now), static_cast<off_t>(size - now));
  }
  if (error == 0) return {};
  errno = error;
  return failure("cannot grow");
}

Result<MappedFile::Window> MappedFile::map(std::uint64_t offset, std::size_t size) {
  void* const at =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, static_cast<off_t>(offset));
  if (at == MAP_FAILED) {
    return fail(ExitCode::Runtime,
                fmt::format("{}: the checkpoint cannot be mapped: {}", path_, reason(errno)));
  }
  return Window{static_cast<char*>(at), offset, size};
}

Result<void> MappedFile::write(std::uint64_t offset, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure("cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

bool MappedFile::read(std::uint64_t offset, std::span<char> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

Result<void> MappedFile::sync() {
  if (fdatasync(fd_) == 0) return {};
  return failure("cannot be made to last");
}

Failure MappedFile::failure(const char* what) const {
  return fail(ExitCode::Output,
              fmt::format("the checkpoint {0} {1}: {2}; free space and go on with 'trawl resume "
                          "{0}'",
                          path_, what, reason(errno)));
}

}  // namespace trawl::control
