#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::control {

struct OwnQuestion;

// What --banner-payload says: ports, and the file whose bytes they are told first.
struct BannerPayload {
  std::vector<std::uint16_t> ports;
  std::string path;

  // "8080,9000-9010=hello.bin". Fails with Usage.
  [[nodiscard]] static Result<BannerPayload> parse(std::string_view text);
  // Reads the file, as it is. Fails with BadInput where that is not possible, and where it is empty
  // or longer than ConversationPlan::kMostPayload.
  [[nodiscard]] Result<OwnQuestion> read() const;
};

}  // namespace trawl::control
