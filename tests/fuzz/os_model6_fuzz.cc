// Models of OS detection over IPv6: any text. What is read prints as it was read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "osfp/classifier/os_model6.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::osfp;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto model = OsModel6::parse(text, "m");
  if (!model) return 0;
  const std::string printed = OsModel6::print(*model);
  const auto again = OsModel6::parse(printed, "m");
  if (!again || OsModel6::print(*again) != printed) std::abort();
  (void)OsModel6::match(model->score(features_of({})));
  return 0;
}
