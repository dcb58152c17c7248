#pragma once

#include <cstdint>
#include <string>

namespace trawl {

// An operating system, as a signature file calls it.
struct SystemName {
  std::string family;        // "Linux".
  std::string version;       // "4.20-6.x"; may be empty.
  std::uint16_t number = 0;  // Of the label in its file...
  std::uint32_t digest = 0;  // ...and what tells that it is the same label of the same file.
};

// Which operating system one packet seems to come from.
struct SystemHint {
  const SystemName* name =
      nullptr;                  // Of nobody knows whom where absent; lives as long as the scan.
  std::uint8_t confidence = 0;  // 0 to 100, an order of hints and not a probability.
  std::uint8_t hops = 0;        // On the way; 0 where they are not known.
};

}  // namespace trawl
