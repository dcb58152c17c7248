#include "control/audit/target_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "base/ip.h"

namespace trawl::control {
namespace {

constexpr std::size_t kBuffer = 64U * 1024U;
constexpr int kSoon = 20;   // Milliseconds...
constexpr int kLook = 100;  // ...between looks whether the waiting is over.

bool is_blank(int c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_ipv6(std::string_view word) {
  return word.starts_with('[') ||
         Ipv6Address::parse(word.substr(0, word.find_first_of("/%"))).has_value();
}

}  // namespace

TargetFile::TargetFile(int fd, std::string path, bool is_regular,
                       std::shared_ptr<const std::atomic<bool>> is_stopped)
    : fd_{fd},
      path_{std::move(path)},
      is_regular_{is_regular},
      is_stopped_{std::move(is_stopped)},
      buffer_(kBuffer) {}

std::unique_ptr<TargetFile> TargetFile::open(const std::string& path,
                                             std::shared_ptr<const std::atomic<bool>> is_stopped) {
  const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  struct stat status {};
  const bool is_known = ::fstat(fd, &status) == 0;
  if (!is_known || S_ISDIR(status.st_mode)) {
    const int error = is_known ? EISDIR : errno;
    if (fd != STDIN_FILENO) (void)::close(fd);
    errno = error;
    return nullptr;
  }
  return std::unique_ptr<TargetFile>{
      new TargetFile{fd, path, S_ISREG(status.st_mode), std::move(is_stopped)}};
}

TargetFile::~TargetFile() {
  if (fd_ != STDIN_FILENO) (void)::close(fd_);
}

bool TargetFile::fill() {
  if (is_over_) return false;
  pollfd wait{fd_, POLLIN, 0};
  while (!is_regular_ && is_stopped_ && !*is_stopped_ && ::poll(&wait, 1, kLook) == 0) {
  }
  const bool is_stopped = is_stopped_ && *is_stopped_;
  const ssize_t size = is_stopped ? 0 : ::read(fd_, buffer_.data(), buffer_.size());
  if (size < 0) error_ = errno;
  is_over_ = size <= 0;
  begin_ = 0;
  end_ = is_over_ ? 0 : static_cast<std::size_t>(size);
  return !is_over_;
}

int TargetFile::get() {
  if (begin_ == end_ && !fill()) return -1;
  return static_cast<unsigned char>(buffer_[begin_++]);
}

std::string TargetFile::next() {
  std::string word;
  for (int c = get();; c = get()) {
    if (c == '#') {
      while (c >= 0 && c != '\n') c = get();
    }
    if (c < 0 || is_blank(c)) {
      if (c < 0 || !word.empty()) return word;
    } else if (word.size() <= kLongestWord) {
      word += static_cast<char>(c);
    }
  }
}

bool TargetFile::has_word_soon() {
  if (is_regular_ || is_over_) return true;
  const auto first = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
  const auto last = buffer_.begin() + static_cast<std::ptrdiff_t>(end_);
  const auto word = std::find_if_not(first, last, is_blank);
  if (std::find_if(word, last, is_blank) != last) return true;
  pollfd wait{fd_, POLLIN, 0};
  return ::poll(&wait, 1, kSoon) > 0;
}

TargetWord split_ports(std::string_view word, bool ipv6) {
  TargetWord split{.text = std::string{word}, .ports = {}};
  if (ipv6 && word.starts_with('[')) {
    // "[2001:db8::1]/120:22" and "[2001:db8::/120]:22".
    const std::size_t end = word.find(']');
    if (end == std::string_view::npos) return split;
    const std::string_view behind = word.substr(end + 1);
    const std::size_t colon = behind.find(':');
    const std::string_view length = behind.substr(0, colon);
    // Brackets are for ports alone.
    if (colon == std::string_view::npos || !(length.empty() || length.starts_with('/'))) {
      return split;
    }
    split.text = std::string{word.substr(1, end - 1)};
    split.text += length;
    split.ports.emplace_back(behind.substr(colon + 1));
    return split;
  }
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || is_ipv6(word)) return split;
  // What may be an address with a mistake in it is no name with ports.
  if (ipv6 && std::ranges::all_of(word.substr(0, colon), is_hex)) return split;
  split.text = std::string{word.substr(0, colon)};
  split.ports.emplace_back(word.substr(colon + 1));
  return split;
}

std::vector<TargetWord> merge_words(std::vector<TargetWord> words) {
  std::vector<TargetWord> merged;
  merged.reserve(words.size());
  std::unordered_map<std::string, std::size_t> places;
  for (TargetWord& word : words) {
    if (word.ports.empty()) {
      merged.push_back(std::move(word));
      continue;
    }
    const auto [place, is_new] = places.try_emplace(word.text, merged.size());
    if (is_new) {
      merged.push_back(std::move(word));
    } else {
      std::vector<std::string>& ports = merged[place->second].ports;
      ports.insert(ports.end(), word.ports.begin(), word.ports.end());
    }
  }
  return merged;
}

}  // namespace trawl::control
