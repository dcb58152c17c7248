#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trawl::control {

// What a file is made of, and so what may be left of it where the disk is full.
enum class OutputUnit {
  Line,    // Each ends in a line feed.
  Record,  // Only the writer knows where one ends.
};

// A buffered file of lines that never shows a partial last line.
//
// Only whole lines are handed to the operating system. Where it takes a part of them (full disk,
// quota, file size limit), a regular file is cut back behind the last whole line; the lines that
// did not fit stay in the buffer, and the next flush() tries them again. A pipe cannot be cut:
// there the reader may see a partial line, once it is gone or broken.
//
// In a file of records no byte tells where one ends: it is cut back to the end of the last flush.
//
// Every failure is an Error with ExitCode::Output that names the file, the system's reason and what
// to do; retryable when freeing space may help. Needs SIGPIPE and SIGXFSZ ignored by the process,
// or a closed pipe or a size limit kills it before there is a failure to report.
//
// What closes a document (a bracket, an end tag) can be put behind the lines as a trailer: it is no
// part of position(), the next flush overwrites it, and so the file is a whole document after every
// flush. A flush with a trailer is all or nothing: where it fails, lines and trailer are again
// those of the flush before.
//
// Thread: one user.
class OutputFile {
 public:
  static constexpr std::size_t kBufferSize = std::size_t{512} * 1024;
  static constexpr std::size_t kLongestTrailer = 1024;

  // Creates or empties the file at `path`; "-" is standard output, which is appended to.
  [[nodiscard]] static Result<OutputFile> create(const std::string& path,
                                                 OutputUnit unit = OutputUnit::Line);
  // Opens the regular file at `path`, cuts it to its first `bytes` and continues behind them. Fails
  // also where it is not there, is shorter, or is not a regular file.
  [[nodiscard]] static Result<OutputFile> reopen(const std::string& path, std::uint64_t bytes,
                                                 OutputUnit unit = OutputUnit::Line);
  // Closes without flushing: what matters was flushed by close(), which alone can report.
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  // Free bytes at tail(). After flush() the whole buffer is free.
  [[nodiscard]] std::size_t room() const noexcept { return kBufferSize - used_; }
  [[nodiscard]] char* tail() noexcept { return buffer_.get() + used_; }
  // Takes the `bytes` written at tail() as whole lines or records. Needs bytes <= room(), and of
  // lines a line feed last.
  void commit(std::size_t bytes) noexcept { used_ += bytes; }

  // Takes `lines`. Where they are not whole lines, a failure may leave a part of one in the file.
  // Needs lines.size() <= kBufferSize.
  [[nodiscard]] Result<void> append(std::string_view lines);
  // Hands the buffer to the operating system, and `trailer` behind it. Needs
  // trailer.size() <= kLongestTrailer, and where !is_rewritable() that nothing follows a trailer.
  [[nodiscard]] Result<void> flush(std::string_view trailer = {});
  // Makes a regular file last on its disk, as far as it was flushed.
  [[nodiscard]] Result<void> sync();
  // Flushes, syncs, and closes the file.
  [[nodiscard]] Result<void> close(std::string_view trailer = {});

  // A regular file that is ours alone: trailers can be overwritten, and reopen() can continue it.
  [[nodiscard]] bool is_rewritable() const noexcept { return owned_ && regular_; }
  // Bytes handed to the operating system, trailers aside; with those of before reopen().
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  // "results.jsonl", or "standard output".
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  OutputFile(int fd, bool owned, std::string name, OutputUnit unit);
  [[nodiscard]] Failure failure(int error) const;
  void drop_written(std::size_t written);
  [[nodiscard]] Result<void> flush_whole(std::string_view trailer);
  [[nodiscard]] bool cut_to_position();

  int fd_;
  bool owned_;    // Standard output is not ours to close.
  bool regular_;  // Can be cut back.
  std::string name_;
  OutputUnit unit_;
  std::unique_ptr<char[]> buffer_;  // Starts at the start of a line.
  std::size_t used_ = 0;
  std::uint64_t position_ = 0;
  std::string trailer_;  // What is in the file behind position_.
};

}  // namespace trawl::control
