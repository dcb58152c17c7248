#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nse/engine/script_database.h"

// What was read and written again reads the same, but for the order.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::nse;
  const auto entries =
      parse_script_database(std::string_view{reinterpret_cast<const char*>(data), size});
  if (!entries) {
    if (entries.error().message.empty()) std::abort();
    return 0;
  }
  const std::string text = script_database_text(*entries);
  const auto again = parse_script_database(text);
  if (!again || again->size() != entries->size()) std::abort();
  if (script_database_text(*again) != text) std::abort();
  return 0;
}
