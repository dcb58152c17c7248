#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "service/probes/probe_file.h"

namespace trawl::service {

// Makes responses that match lines, by walking their patterns; the same ones for the same seed.
// Look-arounds count for nothing, so a response may miss its line.
class ResponseGenerator {
 public:
  explicit ResponseGenerator(std::uint32_t seed) : random_{seed} {}

  // "" where the pattern holds what is not understood here.
  [[nodiscard]] std::string make(const MatchLine& line);
  // A copy that is cut short, longer, or has some bytes changed.
  [[nodiscard]] std::string mutate(std::string_view response);

  [[nodiscard]] std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }

 private:
  std::mt19937 random_;
};

}  // namespace trawl::service
