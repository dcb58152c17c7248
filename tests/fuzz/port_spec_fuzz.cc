#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "control/survey/port_spec.h"
#include "tests/fuzz/error_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::control;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto ports = parse_ports(text, "--ports");
  if (ports) {
    const auto unsorted = std::ranges::adjacent_find(*ports, std::greater_equal{});
    if (ports->empty() || unsorted != ports->end()) std::abort();
    if (parse_ports(format_ports(*ports), "--ports") != *ports) std::abort();
  } else {
    trawl::check_error(ports.error(), trawl::ExitCode::Usage);
  }
  const auto range = parse_port_range(text, "--source-port");
  if (range && (range->first == 0 || range->first > range->last || !ports)) std::abort();
  if (!range) trawl::check_error(range.error(), trawl::ExitCode::Usage);
  return 0;
}
