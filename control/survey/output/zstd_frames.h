#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;

namespace trawl::control {

// A Zstandard stream (RFC 8878) that can be ended behind any piece and still be continued.
//
// Each piece is compressed into whole blocks of one frame, so that everything up to it decodes.
// Such a frame is ended by three bytes that hold no state, kFrameEnd: a writer puts them behind its
// last piece and overwrites them with the next. Whoever only has the file ends its frame with the
// same bytes and appends a new one; decoders take frames in a row as one stream.
//
// Thread: one user.
class ZstdFrames {
 public:
  // An empty last block.
  static constexpr std::string_view kFrameEnd{"\x01\x00\x00", 3};

  ZstdFrames();
  ~ZstdFrames();
  ZstdFrames(ZstdFrames&&) noexcept;
  ZstdFrames& operator=(ZstdFrames&&) = delete;

  // Room that compress() may need for a piece of `size` bytes.
  [[nodiscard]] static std::size_t bound(std::size_t size) noexcept;
  // Writes `piece` at `out`, starting the frame with the first piece; returns the bytes written.
  // Needs a piece that is not empty, and bound(piece.size()) bytes.
  [[nodiscard]] std::size_t compress(char* out, std::string_view piece);

  // `text` as a frame of its own.
  [[nodiscard]] static std::string frame_of(std::string_view text);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const noexcept;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

}  // namespace trawl::control
