#include "control/survey/output/output_stream.h"

#include <cstring>
#include <utility>

#include "control/survey/output/output_format.h"

namespace trawl::control {

OutputStream::OutputStream(OutputFile file, bool compressed, bool in_old_frame)
    : file_{std::move(file)}, in_frame_{in_old_frame}, in_old_frame_{in_old_frame} {
  if (!compressed) return;
  frames_.emplace();
  piece_ = std::make_unique<char[]>(kPieceSize);
}

Result<OutputStream> OutputStream::open(const std::string& path,
                                        std::optional<std::uint64_t> resume_at, OutputUnit unit) {
  auto file =
      resume_at ? OutputFile::reopen(path, *resume_at, unit) : OutputFile::create(path, unit);
  if (!file) return Failure{file.error()};
  const bool compressed = is_compressed_path(path);
  const bool in_old_frame = compressed && resume_at.value_or(0) > 0;
  return OutputStream{std::move(*file), compressed, in_old_frame};
}

// Behind a piece its frame is open, and the file's buffer holds whole pieces only: whatever of them
// is in the file, a frame end may follow.
Result<void> OutputStream::compress_piece() {
  if (used_ == 0) return {};
  const std::size_t most = ZstdFrames::kFrameEnd.size() + ZstdFrames::bound(used_);
  if (file_.room() < most) {
    if (auto flushed = file_.flush(file_.is_rewritable() ? trailer({}) : ""); !flushed) {
      return flushed;
    }
  }
  if (in_old_frame_) {
    std::memcpy(file_.tail(), ZstdFrames::kFrameEnd.data(), ZstdFrames::kFrameEnd.size());
    file_.commit(ZstdFrames::kFrameEnd.size());
    in_old_frame_ = false;
  }
  file_.commit(frames_->compress(file_.tail(), {piece_.get(), used_}));
  in_frame_ = true;
  used_ = 0;
  return {};
}

std::string OutputStream::trailer(std::string_view footer) const {
  if (!frames_) return std::string{footer};
  std::string end;
  if (in_frame_) end += ZstdFrames::kFrameEnd;
  // A file without any frame is not one of zstd's, so an empty document is an empty frame.
  if (!footer.empty() || !in_frame_) end += ZstdFrames::frame_of(footer);
  return end;
}

Result<void> OutputStream::flush(std::string_view footer) {
  if (frames_) {
    if (auto compressed = compress_piece(); !compressed) return compressed;
  }
  return file_.flush(file_.is_rewritable() ? trailer(footer) : "");
}

Result<void> OutputStream::close(std::string_view footer) {
  if (frames_) {
    if (auto compressed = compress_piece(); !compressed) return compressed;
  }
  return file_.close(trailer(footer));
}

}  // namespace trawl::control
