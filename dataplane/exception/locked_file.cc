#include "dataplane/exception/locked_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // asm-generic/socket.h of Linux 5.14.
#endif

namespace trawl::dataplane {
namespace {

constexpr std::string_view kEnd = "\nend\n";

}  // namespace

NetworkNamespace NetworkNamespace::current() noexcept {
  NetworkNamespace found;
  struct stat status {};
  if (stat("/proc/thread-self/ns/net", &status) == 0) found.inode = status.st_ino;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return found;
  socklen_t size = sizeof found.cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &found.cookie, &size) != 0) found.cookie = 0;
  close(fd);
  return found;
}

LockedFile::Status LockedFile::open(const std::string& path, Wait wait) {
  mkdir(kFolder, 0700);
  path_ = path;
  // Again when its last owner removed the file between our opening and our locking it.
  for (;;) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) return Status::Failed;
    if (flock(fd_, wait == Wait::Yes ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
      close(std::exchange(fd_, -1));
      return Status::Busy;
    }
    struct stat ours {};
    struct stat named {};
    const bool same = fstat(fd_, &ours) == 0 && stat(path.c_str(), &named) == 0 &&
                      ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
    if (same) return Status::Locked;
    close(std::exchange(fd_, -1));
  }
}

LockedFile::~LockedFile() {
  if (fd_ >= 0) close(fd_);
}

LockedFile::LockedFile(LockedFile&& other) noexcept
    : path_{std::move(other.path_)}, fd_{std::exchange(other.fd_, -1)} {}

LockedFile& LockedFile::operator=(LockedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

std::string LockedFile::read() const {
  constexpr std::size_t kMost = 1U << 20U;
  std::string text;
  std::array<char, 4096> part{};
  ssize_t got = 0;
  while (fd_ >= 0 && text.size() < kMost &&
         (got = pread(fd_, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  const std::size_t end = text.find(kEnd);
  // A write that was cut short by a full disk leaves no end, or that of what was there before.
  return end == std::string::npos ? std::string{} : text.substr(0, end + 1);
}

bool LockedFile::write(std::string text) noexcept {
  if (fd_ < 0) return false;
  text.insert(0, "trawl 1\n");
  text.append(kEnd.substr(1));
  const auto size = static_cast<ssize_t>(text.size());
  return pwrite(fd_, text.data(), text.size(), 0) == size && ftruncate(fd_, size) == 0;
}

void LockedFile::remove() noexcept {
  if (fd_ < 0) return;
  unlink(path_.c_str());
  close(std::exchange(fd_, -1));
}

}  // namespace trawl::dataplane
