#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "control/audit/audit_options.h"

// A command line: words apart by line feeds.
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
  if (!parsed && parsed.error().message.empty()) std::abort();
  return 0;
}
