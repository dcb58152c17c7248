#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace trawl {

// A host or a network that answers for ports on which nothing can be: what it says of ports tells
// nothing of services. Told once, in place of each of its ports.
struct NetworkFact {
  std::chrono::system_clock::time_point time{};
  IpAddress first{};
  unsigned length = 32;     // Of the prefix: 32 or 128 for a host.
  std::uint64_t opens = 0;  // Ports of the survey that were open there by then.
  // The ports drawn at random that were asked too, and were all open; none where the survey itself
  // asks every port.
  struct Test {
    IpAddress ip{};
    std::uint16_t port = 0;
  };
  std::vector<Test> tests{};
  bool speaks = false;  // Data came from such a port.

  // "198.18.7.0/24".
  [[nodiscard]] std::string prefix() const {
    return first.to_string() + '/' + std::to_string(length);
  }
  // "open on 3 random ports that nobody asked for, besides 9 of the survey".
  [[nodiscard]] std::string evidence() const {
    const std::string others = std::to_string(opens) + " ports of the survey";
    if (tests.empty()) return others + " open, more than services use";
    return std::to_string(tests.size()) + " ports drawn at random open, and " + others;
  }
};

}  // namespace trawl
