#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/verdict.h"

namespace trawl::control {

enum class OutputFormat { Jsonl, Csv };

// The keys of a JSONL line and the columns of a CSV file, in their default order.
enum class ResultField : std::uint8_t {
  Schema,  // "trawl.v1"
  Ts,      // When the reply arrived, UTC with microseconds.
  Ip,      // The target.
  Port,
  Proto,  // "tcp"
  State,
  Reason,
  Ttl,    // Of the reply, as it arrived.
  RttUs,  // Microseconds; absent (CSV: empty) when unknown.
  Attempt,
  From  // Who replied. Unless asked for, only where it is not `Ip`.
};
inline constexpr unsigned kResultFields = 11;

// "schema", "ts", "ip", ..., "rtt_us", "attempt", "from".
[[nodiscard]] std::string_view to_string(ResultField field) noexcept;

// A list such as "ip,port,rtt_us", in that order. Fails with Usage, naming `option`: empty, unknown
// (the nearest is suggested) or repeated fields.
[[nodiscard]] Result<std::vector<ResultField>> parse_result_fields(std::string_view text,
                                                                   std::string_view option);

// "jsonl" or "csv". Fails with Usage, naming `option`.
[[nodiscard]] Result<OutputFormat> parse_output_format(std::string_view text,
                                                       std::string_view option);

// Csv when the last part of `path` ends in ".csv", otherwise Jsonl.
[[nodiscard]] OutputFormat format_for_path(std::string_view path) noexcept;

// Some of the port states.
class StateSet {
 public:
  constexpr StateSet() noexcept = default;
  [[nodiscard]] static constexpr StateSet open_only() noexcept {
    StateSet set;
    set.add(PortState::Open);
    return set;
  }
  [[nodiscard]] static constexpr StateSet all() noexcept {
    StateSet set;
    for (unsigned i = 0; i < kPortStates; ++i) set.add(static_cast<PortState>(i));
    return set;
  }
  // "open,closed" or "all". Fails with Usage, naming `option`.
  [[nodiscard]] static Result<StateSet> parse(std::string_view text, std::string_view option);

  constexpr void add(PortState state) noexcept { bits_ |= 1U << static_cast<unsigned>(state); }
  [[nodiscard]] constexpr bool has(PortState state) const noexcept {
    return (bits_ >> static_cast<unsigned>(state) & 1U) != 0;
  }
  friend constexpr bool operator==(StateSet, StateSet) noexcept = default;

 private:
  unsigned bits_ = 0;
};

}  // namespace trawl::control
