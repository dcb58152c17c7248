#include "control/survey/output/zstd_frames.h"

#include <zstd.h>

#include <new>
#include <stdexcept>

namespace trawl::control {
namespace {

constexpr int kLevel = 3;
// The header of a frame is 18 bytes at most, and of a block 3; a flush adds no more than one block.
constexpr std::size_t kHeaders = 64;

}  // namespace

void ZstdFrames::Free::operator()(ZSTD_CCtx_s* context) const noexcept { ZSTD_freeCCtx(context); }

ZstdFrames::ZstdFrames() : context_{ZSTD_createCCtx()} {
  if (!context_) throw std::bad_alloc{};
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  // A checksum ends a frame with bytes that depend on all before; kFrameEnd has none.
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 0);
}

ZstdFrames::~ZstdFrames() = default;
ZstdFrames::ZstdFrames(ZstdFrames&&) noexcept = default;

std::size_t ZstdFrames::bound(std::size_t size) noexcept {
  return ZSTD_compressBound(size) + kHeaders;
}

std::size_t ZstdFrames::compress(char* out, std::string_view piece) {
  ZSTD_inBuffer input{piece.data(), piece.size(), 0};
  ZSTD_outBuffer output{out, bound(piece.size()), 0};
  const std::size_t left = ZSTD_compressStream2(context_.get(), &output, &input, ZSTD_e_flush);
  // Only memory can be missing: the room is enough by the library's own bound.
  if (ZSTD_isError(left) != 0) throw std::runtime_error{ZSTD_getErrorName(left)};
  if (left != 0) throw std::logic_error{"zstd: a flushed piece is larger than its bound"};
  return output.pos;
}

std::string ZstdFrames::frame_of(std::string_view text) {
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size =
      ZSTD_compress(frame.data(), frame.size(), text.data(), text.size(), kLevel);
  if (ZSTD_isError(size) != 0) throw std::runtime_error{ZSTD_getErrorName(size)};
  frame.resize(size);
  return frame;
}

}  // namespace trawl::control
