#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "osfp/active/analysis.h"

namespace trawl::osfp {

// Between two SEQ probes: six of them see the ticks of a clock of 2 Hz.
inline constexpr Moment kSeqSpacing = std::chrono::milliseconds{100};

// By a probe's index; room for those of either version of IP.
using ProbeSet = std::bitset<32>;

struct ProbingSettings {
  unsigned retransmissions = 3;  // Of a probe without answer, in each round.
  ProbeSet sent_once{};          // But not of these: earlier rounds found nothing that answers.
  unsigned restarts = 2;         // Of SEQ probes that left at the wrong times, in each round.
  Moment timeout = std::chrono::milliseconds{1000};  // For an answer.
  Moment spacing = std::chrono::milliseconds{10};    // Least, between the other probes to one host.
  Moment tolerance = std::chrono::milliseconds{1};   // Of the spacing of SEQ probes.
  bool only_open_port = false;  // Nothing but what an open TCP port is asked: SEQ, ECN, T2 to T4.
  // Source ports of later batches begin again at the first of these when they would leave them.
  std::uint16_t first_source_port = 1024;
  std::uint16_t last_source_port = 65535;
  // Identifiers of echo requests are drawn from these; the second one has the next.
  std::uint16_t first_echo_id = 0;
  std::uint16_t last_echo_id = 65535;
};

// The probes of one version of IP, for BasicHostProbing and BasicGroupProbing.
struct Ipv4Family {
  using Probe = osfp::Probe;
  using Stamp = ProbeStamp;
  using Series = ProbeSeries;
  using Round = osfp::Round;
  using Address = Ipv4Address;
  struct Hash {
    std::size_t operator()(Ipv4Address address) const noexcept { return address.value(); }
  };
  static constexpr std::size_t kProbes = osfp::kProbes;  // Of which the SEQ probes are the first.
  static constexpr Probe probe_at(std::size_t index) noexcept { return osfp::probe_at(index); }
  // Whether anything but the ports of a series rules the probe out.
  static constexpr bool suits(Probe /*probe*/, const Series& /*series*/) noexcept { return true; }
  static constexpr Stamp make_stamp(std::uint32_t random, std::uint8_t ttl) noexcept {
    return {.id = static_cast<std::uint16_t>(random), .ttl = ttl};
  }
  static void renew(Series& series, std::uint32_t random,
                    const ProbingSettings& settings) noexcept {
    // The second echo request has the next number.
    const std::uint32_t ids = std::uint32_t{settings.last_echo_id} - settings.first_echo_id;
    series.echo_id = static_cast<std::uint16_t>(settings.first_echo_id + random % ids);
  }
  static auto match(const Series& series, std::span<const std::byte> packet, Moment /*at*/) {
    return match_response(series, packet);
  }
  static std::optional<Address> sender_of(std::span<const std::byte> packet) noexcept;
};

// What to send now.
template <typename Family>
struct BasicDueProbe {
  typename Family::Probe probe{};
  typename Family::Stamp stamp;
};

// When to send which probe to one host. Knows the time only from its callers, so a simulated
// network can run it faster than real time.
//
// A round begins with the six SEQ probes, each at its own moment counted from the first, so that
// lateness does not add up; nothing else is sent between them, as it would count into the sequences
// they measure. When they left more than `tolerance` off their spacing, the round begins again with
// other source ports. The other probes follow, then those without an answer again, until all are
// answered or have been sent often enough.
//
// Thread: one user.
template <typename Family>
class BasicHostProbing {
 public:
  using Probe = typename Family::Probe;
  using Series = typename Family::Series;
  using Round = typename Family::Round;
  using DueProbe = BasicDueProbe<Family>;
  static constexpr std::size_t kProbes = Family::kProbes;

  // `series` tells addresses and ports; its numbers are chosen here. Each batch takes the next
  // kProbes source ports, so the range of the settings has to be larger than that.
  BasicHostProbing(const Series& series, bool knows_closed_port, const ProbingSettings& settings,
                   std::uint64_t seed, Moment start);

  // When next() has something to do; nullopt once the round is complete.
  [[nodiscard]] std::optional<Moment> due() const noexcept;
  // The probe to send, nullopt when none is due. The caller sends it at once and calls sent();
  // until then no other is given.
  [[nodiscard]] std::optional<DueProbe> next(Moment now);
  void sent(const DueProbe& probe, Moment at) noexcept;
  // Whether the IP packet, which came at `at`, answers a probe of this round. Only the first answer
  // to each counts.
  bool receive(std::span<const std::byte> packet, Moment at = {});
  // For a path whose round trip time became known.
  void set_timeout(Moment timeout) noexcept { settings_.timeout = timeout; }

  [[nodiscard]] bool is_complete() const noexcept { return !due(); }
  [[nodiscard]] const Round& round() const noexcept { return round_; }
  // What write_probe() needs for the probe that next() gave.
  [[nodiscard]] const Series& series() const noexcept { return round_.series; }
  // Over what time the SEQ probes left, as a share of what it should be; 1 without an open port.
  [[nodiscard]] double timing_ratio() const noexcept;
  // Whether each left at its time, within the tolerance.
  [[nodiscard]] bool kept_time() const noexcept { return kept_time_; }
  // Another round, with other source ports and numbers.
  void begin_round(Moment start);

 private:
  [[nodiscard]] bool is_wanted(Probe probe) const noexcept;
  [[nodiscard]] unsigned tries_of(std::size_t index) const noexcept {
    return settings_.sent_once[index] ? 1 : settings_.retransmissions + 1;
  }
  // When the probe is to be sent, sent again or given up; nullopt when it is done with.
  [[nodiscard]] std::optional<Moment> deadline_of(Probe probe) const noexcept;
  [[nodiscard]] std::optional<DueProbe> next_other(Moment now);
  [[nodiscard]] DueProbe stamped(Probe probe) noexcept;
  void begin_batch(Moment start) noexcept;
  void take_next_ports() noexcept;
  void check_spacing(Probe probe, Moment at) noexcept;
  [[nodiscard]] std::uint32_t random() noexcept;

  ProbingSettings settings_;
  std::uint64_t random_state_;
  Round round_;
  std::size_t seq_next_ = 0;  // kSeqProbes when all have been sent.
  unsigned restarts_left_ = 0;
  bool kept_time_ = true;
  Moment start_{};  // Of the SEQ probes.
  Moment seq_last_{};
  Moment last_sent_{};
  std::array<bool, kProbes> given_up_{};
};

extern template class BasicHostProbing<Ipv4Family>;
using DueProbe = BasicDueProbe<Ipv4Family>;
using HostProbing = BasicHostProbing<Ipv4Family>;

}  // namespace trawl::osfp
