#pragma once

#include <cstdint>

namespace trawl {

enum class AddressFamily : std::uint8_t { V4, V6 };

}  // namespace trawl
