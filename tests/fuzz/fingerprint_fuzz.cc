// Printed fingerprints: what is read prints as something that reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "osfp/fingerprint.h"
#include "tests/fuzz/error_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using trawl::osfp::Fingerprint;
  const auto read = Fingerprint::parse({reinterpret_cast<const char*>(data), size});
  if (!read) {
    trawl::check_error(read.error(), trawl::ExitCode::BadInput);
    return 0;
  }
  const auto again = Fingerprint::parse(read->print());
  if (!again || !(*again == *read)) std::abort();
  return 0;
}
