#include "control/audit/ports/data_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace trawl::control {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20U;

// Fills `text` from an open file; false with errno set.
bool read_into(int file, std::string& text) {
  struct stat about {};
  if (::fstat(file, &about) != 0) return false;
  if (!S_ISREG(about.st_mode) && !S_ISCHR(about.st_mode)) {
    errno = S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
    return false;
  }
  // One byte more than it should have, so that the end shows in the first read.
  text.resize(std::min(static_cast<std::size_t>(about.st_size), kMostBytes) + 1);
  std::size_t have = 0;
  for (;;) {
    const ssize_t got = ::read(file, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
    if (have > kMostBytes) {
      errno = EFBIG;
      return false;
    }
    if (have == text.size()) text.resize(2 * have);
  }
  text.resize(have);
  return true;
}

}  // namespace

std::vector<std::string> data_folders(const std::string& datadir) {
  std::vector<std::string> folders;
  if (!datadir.empty()) folders.push_back(datadir);
  const char* const named = std::getenv("NMAPDIR");
  if (named != nullptr && *named != '\0') folders.emplace_back(named);
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') folders.push_back(fmt::format("{}/.nmap", home));
  folders.emplace_back("/usr/share/nmap");
  folders.emplace_back("/usr/local/share/nmap");
  return folders;
}

SharedText read_whole_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return nullptr;
  auto text = std::make_shared<std::string>();
  const bool good = read_into(file, *text);
  const int why = errno;
  ::close(file);
  errno = why;
  return good ? text : nullptr;
}

SharedText find_data_file(std::string_view name, const std::string& datadir) {
  for (const std::string& folder : data_folders(datadir)) {
    if (auto text = read_whole_file(fmt::format("{}/{}", folder, name))) return text;
  }
  return nullptr;
}

bool DataLines::next() noexcept {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  line_ = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  return true;
}

std::string_view DataLines::word() noexcept {
  std::size_t begin = 0;
  while (begin < line_.size() && is_blank(line_[begin])) ++begin;
  std::size_t end = begin;
  while (end < line_.size() && !is_blank(line_[end]) && line_[end] != '#') ++end;
  const std::string_view word = line_.substr(begin, end - begin);
  line_.remove_prefix(end);
  return word;
}

std::string_view DataLines::tail() const noexcept {
  std::string_view tail = line_;
  while (!tail.empty() && is_blank(tail.front())) tail.remove_prefix(1);
  while (!tail.empty() && is_blank(tail.back())) tail.remove_suffix(1);
  return tail;
}

// Only the last '*' ever needs to take more: what is before it has matched with the fewest
// characters, which leaves the most for what follows.
bool matches_pattern(std::string_view text, std::string_view pattern) noexcept {
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_end = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_end = at;
    } else if (in_pattern < pattern.size() &&
               (pattern[in_pattern] == '?' ||
                to_lower(pattern[in_pattern]) == to_lower(text[at]))) {
      ++in_pattern;
      ++at;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++star_end;
    } else {
      return false;
    }
  }
  while (in_pattern < pattern.size() && pattern[in_pattern] == '*') ++in_pattern;
  return in_pattern == pattern.size();
}

}  // namespace trawl::control
