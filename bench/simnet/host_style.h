#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>

#include "base/hash.h"
#include "bench/simnet/families.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/population.h"

namespace trawl::simnet {

// How the packets of `host` look at `now`. Thread: any. Cost: two hashes.
[[nodiscard]] inline HostStyle host_style(const Population& population, const Host& host,
                                          std::chrono::nanoseconds now) noexcept {
  constexpr std::uint16_t kWindows[] = {64240, 65535, 29200, 8192};
  constexpr std::uint8_t kScales[] = {7, 8, 6, 2};
  constexpr std::int64_t kNanosecondsPerTick = 1'000'000;
  const std::uint64_t traits = mix64(host.draw + 1);
  HostStyle style;
  style.ttl = population.ttl(host);
  style.ip_id =
      static_cast<std::uint16_t>((traits >> 2U) + static_cast<std::uint64_t>(now.count()));
  style.window = kWindows[traits % std::size(kWindows)];
  style.window_scale = kScales[traits % std::size(kScales)];
  style.timestamp = static_cast<std::uint32_t>(traits >> 16U) +
                    static_cast<std::uint32_t>(now.count() / kNanosecondsPerTick);
  return style;
}

// How the SYN-ACK of a port looks: as that of the operating system behind it, where there are some.
// `stack` holds what the style points at. Thread: any. Cost: that of host_style(), and four hashes.
[[nodiscard]] inline HostStyle syn_ack_style(const Population& population, const Host& host,
                                             const TcpSegment& syn, bool is_ipv6,
                                             std::chrono::nanoseconds now,
                                             StackReply& stack) noexcept {
  HostStyle style = host_style(population, host, now);
  if (population.families() == nullptr) return style;
  const auto kind = syn.timestamp || syn.has_sack || syn.has_window_scale ? Families::Syn::Full
                                                                          : Families::Syn::MssAlone;
  stack = population.families()->choose(host.draw, syn.to_port, kind, is_ipv6);
  if (stack.stack == nullptr) return style;
  style.ttl = stack.ttl;
  style.window = stack.window;
  style.has_df = stack.stack->has_df;
  // Never 0, which would be another stack's.
  style.ip_id = static_cast<std::uint16_t>(stack.stack->has_id ? style.ip_id | 1U : 0U);
  constexpr std::uint32_t kLabel = 0xfffff;
  style.flow_label =
      stack.stack->has_flow_label ? static_cast<std::uint32_t>(host.draw & kLabel) | 1U : 0;
  style.timestamp |= 1U;
  style.stack = &stack;
  return style;
}

}  // namespace trawl::simnet
