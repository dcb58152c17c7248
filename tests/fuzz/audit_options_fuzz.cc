#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include "control/audit/audit_options.h"

// A command line, words apart by line feeds, and the timing that it asks for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::control;
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < size; ++i) {
    const char c = static_cast<char>(data[i]);
    if (c == '\n') {
      words.emplace_back();
    } else if (c != '\0') {
      words.back() += c;
    }
  }
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  const auto parsed = parse_audit_options(pointers, "trawl");
  if (!parsed) {
    if (parsed.error().message.empty()) std::abort();
    return 0;
  }
  const auto* const options = std::get_if<AuditOptions>(&*parsed);
  if (options == nullptr) return 0;
  const std::size_t ip_options = options->style.ip_options.size();
  if (ip_options > 40 || ip_options % 4 != 0 || options->fragment % 8 != 0) std::abort();
  const auto timing = timing_of(*options);
  if (!timing) {
    if (timing.error().message.empty()) std::abort();
    return 0;
  }
  const bool in_order =
      timing->min_rtt <= timing->initial_rtt && timing->initial_rtt <= timing->max_rtt &&
      (timing->max_rate == 0 || timing->min_rate <= timing->max_rate) &&
      (timing->max_parallelism == 0 || timing->min_parallelism <= timing->max_parallelism);
  if (!in_order) std::abort();
  return 0;
}
