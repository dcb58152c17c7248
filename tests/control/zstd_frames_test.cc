#include "control/survey/output/zstd_frames.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/control/unzstd.h"

namespace trawl::control {
namespace {

std::string piece(ZstdFrames& frames, std::string_view text) {
  std::string out(ZstdFrames::bound(text.size()), '\0');
  out.resize(frames.compress(out.data(), text));
  return out;
}

TEST(ZstdFrames, DecodeBehindEveryPieceOnceEnded) {
  ZstdFrames frames;
  std::string file;
  std::string text;
  for (int i = 0; i < 50; ++i) {
    const std::string line = "line " + std::to_string(i * i) + " of many\n";
    file += piece(frames, line);
    text += line;
    EXPECT_EQ(unzstd(file + std::string{ZstdFrames::kFrameEnd}), text);
    EXPECT_EQ(unzstd(file), std::nullopt);
  }
}

TEST(ZstdFrames, PiecesThatDoNotCompressFitTheirBound) {
  std::mt19937 random{7};
  for (const std::size_t size : {1U, 100U, 128U * 1024U, 256U * 1024U}) {
    ZstdFrames frames;
    std::string noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    std::string file = piece(frames, noise);
    file += piece(frames, noise);
    file += ZstdFrames::kFrameEnd;
    EXPECT_TRUE(unzstd(file) == noise + noise) << size;
  }
}

TEST(ZstdFrames, AFrameOfItsOwnMayFollow) {
  EXPECT_EQ(unzstd(ZstdFrames::frame_of("")), "");
  ZstdFrames frames;
  EXPECT_EQ(unzstd(piece(frames, "[1\n") + std::string{ZstdFrames::kFrameEnd} +
                   ZstdFrames::frame_of("]\n")),
            "[1\n]\n");
}

}  // namespace
}  // namespace trawl::control
