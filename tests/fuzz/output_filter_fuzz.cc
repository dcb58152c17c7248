#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/survey/output/output_filter.h"
#include "tests/fuzz/error_check.h"

namespace {

using trawl::Verdict;
using trawl::control::OutputFilter;

constexpr std::string_view kOption = "--output-filter";

// Verdicts that differ in every field, without a round-trip time now and then.
Verdict verdict_of(std::uint32_t i) {
  Verdict verdict;
  verdict.ip = trawl::Ipv4Address{i * 0x9e3779b9U};
  verdict.from = trawl::Ipv4Address{i * 0x85ebca6bU};
  verdict.port = static_cast<std::uint16_t>(i * 443);
  verdict.state = static_cast<trawl::PortState>(i % trawl::kPortStates);
  verdict.reason = static_cast<trawl::Reason>(i % trawl::kReasons);
  verdict.ttl = static_cast<std::uint8_t>(i * 32);
  verdict.attempt = static_cast<std::uint8_t>(i);
  verdict.repeat = i % 2 == 0;
  verdict.cooldown = i % 3 == 0;
  if (i % 4 != 0) verdict.rtt_us = i * 1'000'003U;
  return verdict;
}

// Whatever the text means, its negation means the opposite, and twice negated it is itself.
void check_negation(std::string_view text, const OutputFilter& filter) {
  const auto opposite = OutputFilter::parse("!(" + std::string{text} + ")", kOption);
  const auto same = OutputFilter::parse("!(!(" + std::string{text} + "))", kOption);
  if (!opposite || !same) return;  // Too deep or too long by now.
  for (std::uint32_t i = 0; i < 24; ++i) {
    const Verdict verdict = verdict_of(i);
    const bool accepted = filter.accepts(verdict);
    if (opposite->accepts(verdict) == accepted) std::abort();
    if (same->accepts(verdict) != accepted) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto filter = OutputFilter::parse(text, kOption);
  if (filter) {
    check_negation(text, *filter);
  } else {
    trawl::check_error(filter.error(), trawl::ExitCode::Usage);
  }
  return 0;
}
