#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/audit/run_keys.h"

// What a terminal sends while an audit runs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes{data, data + size};
  const std::string keys = trawl::control::fold_sequences(bytes);
  // Keys are some of the bytes, in their order, and the first is one of them.
  if (bytes.empty() != keys.empty() || keys.size() > bytes.size()) std::abort();
  std::string_view rest = bytes;
  for (const char key : keys) {
    const std::size_t at = rest.find(key);
    if (at == std::string_view::npos) std::abort();
    rest.remove_prefix(at + 1);
  }
  return 0;
}
