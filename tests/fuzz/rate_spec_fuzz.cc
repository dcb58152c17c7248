// Rates and the other values with numbers in them.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/survey/option_values.h"
#include "control/survey/quantity.h"
#include "control/survey/rate_spec.h"
#include "tests/fuzz/error_check.h"

namespace {

using namespace trawl::control;
using trawl::ExitCode;

void check_rate(std::string_view text) {
  const auto rate = RateSpec::parse(text, "--rate");
  if (!rate) return trawl::check_error(rate.error(), ExitCode::Usage);
  if (rate->is_unlimited() != (text == "max")) std::abort();
  if (rate->is_unlimited()) return;
  const double packets = rate->for_frame(trawl::ByteCount{74}).per_second();
  if (!std::isfinite(packets) || packets < 0.001 || packets > 2e12) std::abort();
}

void check_limit(std::string_view text) {
  const auto limit = TargetLimit::parse(text, "--max-targets");
  if (!limit) return trawl::check_error(limit.error(), ExitCode::Usage);
  for (const std::uint64_t total :
       {std::uint64_t{1}, std::uint64_t{100}, std::uint64_t{1} << 48U}) {
    if (limit->of(total) == 0 || limit->of(total) > total) std::abort();
  }
  if (limit->of(0) != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  check_rate(text);
  check_limit(text);
  const auto time = parse_duration(text, "--cooldown");
  if (!time) trawl::check_error(time.error(), ExitCode::Usage);
  if (time && (time->count() < 0 || *time > std::chrono::days{3650})) std::abort();
  const auto seed = parse_seed(text, "--seed");
  if (!seed) trawl::check_error(seed.error(), ExitCode::Usage);
  if (seed && !(parse_seed(format_seed(*seed), "--seed") == *seed)) std::abort();
  const auto cpus = parse_cpu_list(text, "--lcores");
  if (!cpus) trawl::check_error(cpus.error(), ExitCode::Usage);
  if (cpus && cpus->empty()) std::abort();
  return 0;
}
