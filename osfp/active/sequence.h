#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "osfp/active/response.h"

namespace trawl::osfp {

// What the numbers that a host counts up tell of it: the tests of the SEQ line, as the Nmap book
// defines them under "Response Tests". Each works on the answers that came, in the order sent.

// One SYN-ACK to a SEQ probe.
struct SequenceSample {
  std::size_t number = 0;  // Of the probe, from 0.
  Moment sent_at{};        // The probe.
  std::uint32_t isn = 0;
  std::uint16_t ip_id = 0;
  std::optional<std::uint32_t> stamp;  // TSval.
};

// GCD, ISR and SP: how initial sequence numbers grow.
struct IsnStatistics {
  std::uint32_t gcd = 0;        // Of the differences; 0 when there are none.
  unsigned rate_index = 0;      // 8 log2 of the mean growth a second.
  unsigned predictability = 0;  // 8 log2 of its standard deviation: higher is harder to predict.
};
// nullopt with fewer than four samples.
[[nodiscard]] std::optional<IsnStatistics> measure_isns(std::span<const SequenceSample> samples);
// "Good luck!": how hard sequence numbers with this predictability are to guess.
[[nodiscard]] std::string_view difficulty_of(unsigned predictability) noexcept;

// TI, CI and II: how IP identifiers grow.
enum class IpIdClass : std::uint8_t {
  Zeros,
  Constant,
  Random,
  RandomPositive,
  BrokenIncremental,  // Counted in the other byte order than the network's.
  IncrementalByTwo,   // Or by any even numbers.
  Incremental,
  Unknown
};
enum class IpIdSource : std::uint8_t { Open, Closed, Echo };  // What answered: TI, CI, II.
// Needs two identifiers at least. Differences are taken modulo 65536.
[[nodiscard]] IpIdClass classify_ip_ids(std::span<const std::uint16_t> ids,
                                        IpIdSource source) noexcept;
// The value of the test; nullopt for Unknown. `id` is that of a Constant sequence.
[[nodiscard]] std::optional<std::string> ip_id_value(IpIdClass sequence, std::uint16_t id);
// "Incremental": for people.
[[nodiscard]] std::string_view to_string(IpIdClass sequence) noexcept;

// SS: whether echo replies count on where SYN-ACKs left off. nullopt when the classes of both do
// not let it be told. Needs two samples.
[[nodiscard]] std::optional<bool> shares_ip_ids(std::span<const SequenceSample> samples,
                                                IpIdClass tcp, IpIdClass echo,
                                                std::uint16_t first_echo_id) noexcept;

// TS: the clock behind TCP timestamps (RFC 7323).
struct StampStatistics {
  enum class Kind : std::uint8_t {
    Unknown,      // Too few samples, or a clock that stands still.
    Unsupported,  // An answer without timestamps.
    Zero,         // An answer with a timestamp of 0.
    Ticking
  };
  Kind kind = Kind::Unknown;
  double hertz = 0;  // Of Ticking.
};
[[nodiscard]] StampStatistics measure_stamps(std::span<const SequenceSample> samples) noexcept;
// The value of the test; nullopt for Unknown.
[[nodiscard]] std::optional<std::string> stamp_value(const StampStatistics& stamps);
// "1000HZ": for people.
[[nodiscard]] std::string_view to_string(const StampStatistics& stamps) noexcept;
// How long the clock had been running when the first sample's probe was sent. nullopt when it
// cannot be told, also of clocks that tick faster than stacks count: those are random numbers.
[[nodiscard]] std::optional<std::chrono::duration<double>> uptime_of(
    std::span<const SequenceSample> samples, const StampStatistics& stamps) noexcept;

}  // namespace trawl::osfp
