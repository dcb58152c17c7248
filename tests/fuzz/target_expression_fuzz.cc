#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "control/audit/target_block.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl;
  using namespace trawl::control;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const AddressFamily family : {AddressFamily::V4, AddressFamily::V6}) {
    const auto parsed = parse_target_expression(text, family);
    const auto* const expression = std::get_if<TargetExpression>(&parsed);
    if (expression == nullptr) continue;
    const auto* const block = std::get_if<TargetBlock>(&expression->what);
    if (block == nullptr) continue;
    // Rising, all of this family, and all held.
    if (block->size() == 0) std::abort();
    const Uint128 looks = std::min<Uint128>(block->size(), 300);
    for (Uint128 i = 0; i < looks; ++i) {
      const IpAddress address = block->at(i);
      if (address.is_v4() != (family == AddressFamily::V4) || !block->contains(address)) {
        // An IPv4-mapped address is held as its IPv4 address.
        if (family == AddressFamily::V4) std::abort();
      }
      if (i > 0 && !(block->at(i - 1) < address)) std::abort();
    }
    if (!block->contains(block->at(block->size() - 1)) && family == AddressFamily::V4) std::abort();
  }
  return 0;
}
