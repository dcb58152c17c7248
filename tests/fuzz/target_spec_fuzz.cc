#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/survey/octet_ranges.h"
#include "control/survey/target_spec.h"
#include "tests/fuzz/error_check.h"

namespace {

using trawl::Ipv4Set;
using trawl::Ipv6Set;

bool equal(const Ipv4Set& a, const Ipv4Set& b) {
  return std::ranges::equal(a.intervals(), b.intervals());
}

// What comes apart into few ranges must add exactly as many as it counts, before they are merged.
void check_octet_ranges(std::string_view text) {
  constexpr std::size_t kFew = 4096;
  trawl::control::OctetRanges ranges;
  std::size_t used = 0;
  const auto fault = ranges.parse(text, used);
  if (used > text.size()) std::abort();
  if (fault || ranges.range_count() > kFew) return;
  Ipv4Set set;
  ranges.add_to(set);
  if (set.empty() || set.intervals().size() > ranges.range_count()) std::abort();
}

// Printed as lines of ranges, a set must parse to itself.
void check_round_trip(const Ipv4Set& set) {
  std::string lines;
  for (const auto& range : set.intervals()) {
    if (range.first > range.last) std::abort();
    lines += range.first.to_string() + "-" + range.last.to_string() + "\n";
  }
  Ipv4Set again;
  if (!trawl::control::parse_target_lines(lines, "again", again) || !equal(set, again)) {
    std::abort();
  }
}

// An option and a list must say the same of both families, and IPv6 must not change IPv4.
void check_both_families(std::string_view text) {
  Ipv4Set v4;
  Ipv6Set v6;
  const auto parsed = trawl::control::parse_targets(text, "target", v4, v6);
  if (!parsed) {
    trawl::check_error(parsed.error(), trawl::ExitCode::BadInput);
    return;
  }
  Ipv4Set lines4;
  Ipv6Set lines6;
  if (!trawl::control::parse_target_lines(text, "list", lines4, lines6) || !equal(v4, lines4) ||
      !std::ranges::equal(v6.intervals(), lines6.intervals())) {
    std::abort();
  }
  std::string printed;
  for (const auto& range : v6.intervals()) {
    printed += range.first.to_string() + "-" + range.last.to_string() + "\n";
  }
  Ipv6Set again;
  if (!trawl::control::parse_target_lines(printed, "again", lines4, again) ||
      !std::ranges::equal(v6.intervals(), again.intervals())) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  check_octet_ranges(text);
  // Three open octets are millions of ranges: right, but slow.
  if (std::ranges::count_if(text, [](char c) { return c == '*' || c == '-'; }) > 2) return 0;
  check_both_families(text);
  Ipv4Set set;
  const auto parsed = trawl::control::parse_targets(text, "target", set);
  if (!parsed) {
    trawl::check_error(parsed.error(), trawl::ExitCode::BadInput);
    return 0;
  }
  if (set.intervals().size() < 10'000) check_round_trip(set);
  // The fast path over lines must agree with the careful one.
  Ipv4Set lines;
  if (!trawl::control::parse_target_lines(text, "list", lines) || !equal(set, lines)) std::abort();
  return 0;
}
