#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/port_class.h"
#include "base/verdict.h"
#include "control/survey/rate_history.h"
#include "control/survey/recall_estimate.h"

namespace trawl::control {

// A counter and what it counts, in snake_case: it becomes a row of the summary and a JSON key.
struct NamedCounter {
  std::string_view name;
  std::uint64_t value = 0;
};

enum class SurveyPhase { Sending, BetweenSweeps, CoolingDown, HearingPorts, AskingServices, Done };

// Where the service tier stands.
struct ServiceProgress {
  std::uint64_t found = 0;       // Open ports that are to be asked...
  std::uint64_t answered = 0;    // ...that were...
  std::uint64_t identified = 0;  // ...whose service has a name...
  std::uint64_t failed = 0;      // ...that could not be asked...
  std::uint64_t hosts = 0;       // Whose operating systems were looked for...
  std::uint64_t systems = 0;     // ...and that have a name.
  std::uint64_t waiting = 0;     // Ports that were not asked yet.
  double per_second = 0.0;       // Answered over the last second.
  bool holds = false;            // The senders are held until there is room.
  std::chrono::nanoseconds held{0};
};

// What is known of open ports by now.
struct OpenPortProgress {
  std::array<std::uint64_t, kPortClasses> classes{};  // By PortClass.
  std::uint64_t networks = 0;                         // That answer everything...
  std::uint64_t hosts = 0;                            // ...and hosts outside of them.
  std::uint64_t test_probes = 0;                      // To ports drawn at random, which told so.
  std::uint64_t passed_over = 0;                      // Open ports there that were not asked...
  std::uint64_t left_out = 0;                         // ...and facts that were not written.
  bool has_banners = false;                           // The rest is of --banners:
  std::uint64_t banners = 0;                          // conversations that came to an end...
  std::uint64_t services = 0;                         // ...with data...
  std::uint64_t identified = 0;                       // ...whose service has a name...
  std::uint64_t tls = 0;                              // ...and those that are TLS.
  std::uint64_t banner_bytes = 0;
  std::uint64_t remembered = 0;  // Banners that were known from before.
  std::uint64_t talking = 0;     // Conversations under way.
};

// Open ports by the family that their SYN-ACKs hint at.
struct FamilyCount {
  std::string family;
  std::uint64_t ports = 0;
};

// What SYN-ACKs told by now. Of a resumed survey, since then.
struct OsHintProgress {
  std::vector<FamilyCount> families;  // The most frequent first.
  std::uint64_t unknown = 0;          // Ports that suit no signature.
  std::uint64_t compared = 0;         // Addresses with several open ports...
  std::uint64_t several = 0;          // ...of these, on several machines; known at the end.
  std::uint64_t left_out = 0;         // Ports that could not be compared for want of room.
};

// Where a survey stands at one moment. The text formatters below are pure functions of this.
struct SurveyProgress {
  SurveyPhase phase = SurveyPhase::Sending;
  std::chrono::nanoseconds elapsed{0};       // Since the first probe.
  std::chrono::nanoseconds sending_time{0};  // The part of it before the cooldown.
  std::chrono::nanoseconds cooldown_left{0};
  std::optional<std::chrono::nanoseconds> runtime_left;  // Absent without --max-runtime.

  std::uint64_t targets = 0;      // To be probed in all: of this shard, after --max-targets.
  unsigned sweep = 1;             // Which pass over them, or over those that were silent.
  std::uint64_t sweep_total = 0;  // Targets it visits, and how many of them it has visited.
  std::uint64_t sweep_done = 0;
  std::uint64_t sent = 0;          // Probes handed to the link, in all sweeps.
  std::uint64_t repeats = 0;       // Those of them that went to silent targets once more.
  std::uint64_t no_neighbour = 0;  // Targets on the link that answered no ARP, so got no probe.
  std::uint64_t replies = 0;       // Valid ones, duplicates included.
  std::uint64_t duplicates = 0;
  std::array<std::uint64_t, kPortStates> found{};  // Different targets by PortState.
  PortState sought = PortState::Open;              // What this kind of survey looks for.
  double send_rate = 0.0;                          // Packets/s over the last interval.
  double reply_rate = 0.0;

  // Every drop counter of this machine, zeros included: what was lost, and frames put aside because
  // they were not replies to this survey.
  std::span<const NamedCounter> drops;
  std::span<const NamedCounter> ignored;
  std::span<const NamedCounter> others;  // Traffic and delays, nothing lost.

  // With --per-network-rate: what the fullest network alone needs for this sweep, and how many
  // probes had to wait for theirs.
  std::chrono::nanoseconds network_time{0};
  std::uint64_t limited = 0;

  // Handshakes of open ports that were ended, and those that were not for want of room or time.
  std::uint64_t resets = 0;
  std::uint64_t resets_dropped = 0;

  // The course of it so far.
  std::span<const RatePoint> history;

  std::optional<ServiceProgress> services;     // With --service.
  std::optional<OpenPortProgress> open_ports;  // With --service or --banners.

  std::optional<OsHintProgress> os_hints;  // With --os-hints.

  // At the end, where repeats or sentinels told something of it.
  std::optional<RecallEstimate> recall;

  [[nodiscard]] std::uint64_t found_in(PortState state) const noexcept {
    return found[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  // Packets/s since the first probe.
  [[nodiscard]] double average_send_rate() const noexcept;
  [[nodiscard]] double average_reply_rate() const noexcept;
  // Percent of this sweep, and percent of the targets probed so far, however often each, that are
  // what is sought.
  [[nodiscard]] double percent_done() const noexcept;
  [[nodiscard]] double hit_rate() const noexcept;
  // Until the end of the cooldown, at the average rate or that of the fullest network; nullopt
  // before anything is known.
  [[nodiscard]] std::optional<std::chrono::seconds> remaining() const noexcept;
};

// One line for a terminal, without line feed:
// 0:06 21% (22s left); send: 8126349 1.35 Mp/s (1.35 Mp/s avg); recv: 104692 17.9 Kp/s (17.4 Kp/s
// avg); open: 1234; drops: 0; hitrate: 1.29%
[[nodiscard]] std::string format_progress_line(const SurveyProgress& progress);

// Whether a record of the status is followed by others, or tells the whole course.
enum class StatusRecord { Running, Final };

// One JSON object with a line feed: what --status-json prints once a second, and at the end.
[[nodiscard]] std::string format_status_json(const SurveyProgress& progress,
                                             std::chrono::system_clock::time_point now,
                                             StatusRecord record = StatusRecord::Running);

// The summary at the end, several lines: sent, replies, findings, and every drop counter by name.
[[nodiscard]] std::string format_summary(const SurveyProgress& progress);

// "1.35 Mp/s", "17.9 Kp/s", "12 p/s": three digits.
[[nodiscard]] std::string format_rate(double packets_per_second);
// "0:06", "12:34", "1:02:03".
[[nodiscard]] std::string format_elapsed(std::chrono::nanoseconds time);

}  // namespace trawl::control
