#pragma once

#include <zstd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace trawl::control {

// All frames of `bytes` decoded; nullopt when they are damaged or the last has no end.
inline std::optional<std::string> unzstd(std::string_view bytes) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx};
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  std::string text;
  std::array<char, 65536> room{};
  for (;;) {
    ZSTD_outBuffer output{room.data(), room.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(left) != 0) return std::nullopt;
    text.append(room.data(), output.pos);
    if (input.pos < input.size) continue;
    if (left == 0) return text;  // A frame is over, and so is the input.
    if (output.pos < output.size) return std::nullopt;
  }
}

}  // namespace trawl::control
