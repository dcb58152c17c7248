#include "service/match/cache_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <tuple>
#include <vector>

namespace trawl::service {
namespace {

// The layout: these bytes, the key, SHA-256 of what follows, what was kept.
constexpr std::string_view kMagic = "trawl match lines 1\n";
constexpr std::size_t kHeader = kMagic.size() + 2 * sizeof(CacheKey);
constexpr std::size_t kLargest = std::size_t{256} << 20U;

std::string_view as_bytes(const CacheKey& key) noexcept {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

// "match-0123456789abcdef.cache": the begin of the key.
constexpr std::string_view kPrefix = "match-";
constexpr std::string_view kSuffix = ".cache";
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kKeyBytes = 8;
constexpr std::size_t kNameSize = kPrefix.size() + 2 * kKeyBytes + kSuffix.size();
constexpr std::string_view kTemporary = ".XXXXXX";
constexpr std::time_t kCutOff = 24 * 3600;  // Seconds after which no write goes on.

std::string name_of(const CacheKey& key) {
  std::string name{kPrefix};
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    name += kDigits[key[i] >> 4U];
    name += kDigits[key[i] & 15U];
  }
  name += kSuffix;
  return name;
}

std::string path_of(const std::string& folder, const CacheKey& key) {
  return folder + '/' + name_of(key);
}

enum class NameKind : std::uint8_t { Other, Kept, Temporary };

NameKind kind_of(std::string_view name) noexcept {
  const std::string_view key = name.substr(std::min(name.size(), kPrefix.size()), 2 * kKeyBytes);
  const bool is_ours = name.size() >= kNameSize && name.starts_with(kPrefix) &&
                       key.find_first_not_of(kDigits) == std::string_view::npos &&
                       name.substr(0, kNameSize).ends_with(kSuffix);
  if (!is_ours) return NameKind::Other;
  if (name.size() == kNameSize) return NameKind::Kept;
  const bool is_temporary =
      name.size() == kNameSize + kTemporary.size() && name[kNameSize] == kTemporary.front();
  return is_temporary ? NameKind::Temporary : NameKind::Other;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_{fd} {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

bool read_all(int fd, char* to, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t got = ::read(fd, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

CacheKey cache_key(std::string_view about) {
  CacheKey key{};
  SHA256(reinterpret_cast<const unsigned char*>(about.data()), about.size(), key.data());
  return key;
}

std::optional<std::string> read_cache_file(const std::string& folder, const CacheKey& key) {
  // A FIFO of that name must not hold the program up.
  const Descriptor file{::open(path_of(folder, key).c_str(),
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  struct stat about {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) return std::nullopt;
  const bool is_ours = S_ISREG(about.st_mode) && about.st_uid == ::geteuid() &&
                       (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  const auto size = static_cast<std::size_t>(about.st_size);
  if (!is_ours || size < kHeader || size > kLargest) return std::nullopt;
  std::string header(kHeader, '\0');
  std::string bytes(size - kHeader, '\0');
  if (!read_all(file.get(), header.data(), header.size())) return std::nullopt;
  if (!read_all(file.get(), bytes.data(), bytes.size())) return std::nullopt;
  const CacheKey sum = cache_key(bytes);
  std::string expected{kMagic};
  expected += as_bytes(key);
  expected += as_bytes(sum);
  if (header != expected) return std::nullopt;
  return bytes;
}

bool write_cache_file(const std::string& folder, const CacheKey& key, std::string_view bytes) {
  if (folder.empty() || bytes.size() > kLargest - kHeader) return false;
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path{folder}.parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return false;
  const std::string path = path_of(folder, key);
  std::string temporary = path + ".XXXXXX";
  // For this user alone, whatever the umask.
  const Descriptor file{::mkostemp(temporary.data(), O_CLOEXEC)};
  if (file.get() < 0) return false;
  std::string header{kMagic};
  header += as_bytes(key);
  header += as_bytes(cache_key(bytes));
  const bool is_kept = write_all(file.get(), header) && write_all(file.get(), bytes) &&
                       ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!is_kept) ::unlink(temporary.c_str());
  return is_kept;
}

void remove_old_cache_files(const std::string& folder, const CacheKey& key) {
  struct Found {
    std::timespec written{};
    std::string name;
  };
  const std::unique_ptr<DIR, int (*)(DIR*)> open{::opendir(folder.c_str()), &::closedir};
  if (!open) return;
  const int at = ::dirfd(open.get());
  const std::string own = name_of(key);
  const std::time_t now = std::time(nullptr);
  std::vector<Found> others;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string name{static_cast<const char*>(entry->d_name)};
    const NameKind kind = kind_of(name);
    struct stat about {};
    if (kind == NameKind::Other || name == own ||
        ::fstatat(at, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode) ||
        about.st_uid != ::geteuid()) {
      continue;
    }
    if (kind == NameKind::Kept) {
      others.push_back({.written = about.st_mtim, .name = name});
    } else if (now - about.st_mtim.tv_sec > kCutOff) {
      ::unlinkat(at, name.c_str(), 0);
    }
  }
  // Whoever has one open reads on; who wanted it makes it anew.
  std::sort(others.begin(), others.end(), [](const Found& a, const Found& b) {
    return std::tie(a.written.tv_sec, a.written.tv_nsec, a.name) >
           std::tie(b.written.tv_sec, b.written.tv_nsec, b.name);
  });
  for (std::size_t i = kKeptCacheFiles - 1; i < others.size(); ++i) {
    ::unlinkat(at, others[i].name.c_str(), 0);
  }
}

std::string default_cache_folder() {
  // Not where a program of more rights than its user runs.
  const char* cache = ::secure_getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return std::string{cache} + "/trawl";
  if (::geteuid() == 0) return "/var/cache/trawl";
  const char* home = ::secure_getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string{home} + "/.cache/trawl";
  return {};
}

}  // namespace trawl::service
