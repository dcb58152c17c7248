#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::control {

// The words of a file of targets: apart by white space, "#" before a comment.
//
// Thread: one user.
class TargetFile {
 public:
  static constexpr std::size_t kLongestWord = 64U * 1024U;

  // "-" is standard input. nullptr with errno(3) when it cannot be opened. Another thread's
  // `is_stopped` ends the waiting for a pipe, and the file.
  [[nodiscard]] static std::unique_ptr<TargetFile> open(
      const std::string& path, std::shared_ptr<const std::atomic<bool>> is_stopped = nullptr);
  ~TargetFile();
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;

  // "" behind the last. One that is too long is cut, and then means nothing. Waits for what is
  // still to come.
  [[nodiscard]] std::string next();
  // Whether next() would have its word almost at once: a pipe may have nothing yet.
  [[nodiscard]] bool has_word_soon();
  // Why it could not be read to its end, 0 for nothing: of errno(3).
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] bool is_regular() const noexcept { return is_regular_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  TargetFile(int fd, std::string path, bool is_regular,
             std::shared_ptr<const std::atomic<bool>> is_stopped);
  // The next byte, -1 behind the last.
  [[nodiscard]] int get();
  [[nodiscard]] bool fill();

  int fd_;
  std::string path_;
  bool is_regular_;
  std::shared_ptr<const std::atomic<bool>> is_stopped_;
  bool is_over_ = false;
  int error_ = 0;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// A target as it was written, and ports of its own: "198.18.0.1:22,80" has the ports "22,80",
// "[2001:db8::1]:443" has "443". Words for the same host are one with the ports of all.
struct TargetWord {
  std::string text;
  std::vector<std::string> ports;
};

// Takes the ports off. With IPv6 an address that has ports is in brackets.
[[nodiscard]] TargetWord split_ports(std::string_view word, bool ipv6);

// `words` with those for the same host and ports of their own as one, where the first of them was.
[[nodiscard]] std::vector<TargetWord> merge_words(std::vector<TargetWord> words);

}  // namespace trawl::control
