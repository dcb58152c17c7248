#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "service/match/match_engine.h"

// The first line is a pattern, whose first letter stands for its flags; behind it, a response. What
// is taken to stand in all that a pattern matches does.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::service;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::size_t end = std::min(size, text.find('\n'));
  if (end == 0 || end > 256 || size > 2048) return 0;
  auto file = std::make_shared<ProbeFile>();
  Probe& probe = file->probes.emplace_back();
  MatchLine& line = probe.matches.emplace_back();
  line.line = 1;
  line.ignores_case = (text[0] & 1) != 0;
  line.dot_takes_newline = (text[0] & 2) != 0;
  line.pattern = text.substr(1, end - 1);
  file->null_probe = 0;
  const MatchRequest request{.probe = 0, .response = text.substr(std::min(size, end + 1))};
  bool answers[2] = {};
  std::size_t problems = 0;
  for (const bool uses_prefilter : {false, true}) {
    const auto engine = MatchEngine::open(file, {.cache_folder = "",
                                                 .deadline = std::chrono::milliseconds{0},
                                                 .uses_prefilter = uses_prefilter});
    if (!engine) std::abort();
    answers[uses_prefilter ? 1 : 0] = (*engine)->match(request).has_value();
    problems += (*engine)->problems().size();
  }
  if (answers[0] != answers[1] || problems % 2 != 0) std::abort();
  return 0;
}
