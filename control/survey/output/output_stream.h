#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/survey/output/zstd_frames.h"
#include "control/survey/output_file.h"

namespace trawl::control {

// Whole lines, or records, into a file, compressed when its name ends in ".zst".
//
// flush(footer) leaves a regular file that is a whole document: the lines, and the footer behind
// them until the next flush overwrites it; a compressed file decodes from end to end. On a pipe or
// standard output nothing can be overwritten, so there the footer comes with close() alone.
//
// Failures and what they leave behind are those of OutputFile. Thread: one user.
class OutputStream {
 public:
  // Creates the file, or continues behind its first `resume_at` bytes, which position() told.
  [[nodiscard]] static Result<OutputStream> open(const std::string& path,
                                                 std::optional<std::uint64_t> resume_at,
                                                 OutputUnit unit = OutputUnit::Line);

  // Free bytes at tail(); all of at least 128 KiB after a flush().
  [[nodiscard]] std::size_t room() const noexcept {
    return frames_ ? kPieceSize - used_ : file_.room();
  }
  [[nodiscard]] char* tail() noexcept { return frames_ ? piece_.get() + used_ : file_.tail(); }
  // Takes the `bytes` written at tail() as whole lines. Needs bytes <= room().
  void commit(std::size_t bytes) noexcept {
    if (frames_) {
      used_ += bytes;
    } else {
      file_.commit(bytes);
    }
  }

  [[nodiscard]] Result<void> flush(std::string_view footer);
  [[nodiscard]] Result<void> sync() { return file_.sync(); }
  // Flushes, makes it last, and closes the file.
  [[nodiscard]] Result<void> close(std::string_view footer);

  // Where open() can continue after a flush that did not fail.
  [[nodiscard]] std::uint64_t position() const noexcept { return file_.position(); }
  // A regular file: open() can continue it.
  [[nodiscard]] bool is_resumable() const noexcept { return file_.is_rewritable(); }
  [[nodiscard]] const std::string& name() const noexcept { return file_.name(); }

 private:
  static constexpr std::size_t kPieceSize = std::size_t{128} * 1024;

  OutputStream(OutputFile file, bool compressed, bool in_old_frame);
  [[nodiscard]] Result<void> compress_piece();
  [[nodiscard]] std::string trailer(std::string_view footer) const;

  OutputFile file_;
  std::optional<ZstdFrames> frames_;  // Empty: not compressed.
  std::unique_ptr<char[]> piece_;     // Lines that wait for compression.
  std::size_t used_ = 0;
  bool in_frame_;      // The file ends within a frame...
  bool in_old_frame_;  // ...that another process began, and that we cannot continue.
};

}  // namespace trawl::control
