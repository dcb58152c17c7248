#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "bench/simnet/population.h"

namespace trawl::simnet {

enum class TruthFormat : std::uint8_t { Jsonl, Csv };

// What a scanner sends to learn something.
enum class TruthProbe : std::uint8_t { TcpSyn, TcpAck, IcmpEcho, IcmpTimestamp, Udp };
inline constexpr std::array<std::string_view, 5> kTruthProbes{"tcp-syn", "tcp-ack", "icmp-echo",
                                                              "icmp-timestamp", "udp"};
[[nodiscard]] constexpr bool has_ports(TruthProbe probe) noexcept {
  return probe != TruthProbe::IcmpEcho && probe != TruthProbe::IcmpTimestamp;
}

// What it learns: of a port, and Up of a whole address. Unfiltered is a port that answers an ACK.
enum class Finding : std::uint8_t { Open, Closed, Unreachable, Unfiltered, Up };
inline constexpr std::array<std::string_view, 5> kFindings{"open", "closed", "unreachable",
                                                           "unfiltered", "up"};
// What such a probe looks for.
[[nodiscard]] Finding sought(TruthProbe probe) noexcept;
// What a perfect scanner learns of a target; nullopt where nothing ever answers. `personality` is
// that of the host: some are silent about ACKs, pings or closed UDP ports.
[[nodiscard]] std::optional<Finding> truth_of(const Population& population, const Host& host,
                                              const Personality* personality, TruthProbe probe,
                                              std::uint16_t port) noexcept;

struct TruthRequest {
  TruthProbe probe = TruthProbe::TcpSyn;
  std::span<const std::uint16_t> ports;  // Sorted; just 0 where has_ports() is false.
  std::bitset<kFindings.size()> findings{1};
  TruthFormat format = TruthFormat::Jsonl;
};

// Writes one line for every target that a perfect scanner on a perfect path would have an answer
// for, sorted by address, then port, IPv4 first. Loss, queues and rate limits do not change what is
// there, nor do forged replies, so they do not change the truth; a port that resets before it
// accepts is open. Where hosts have personalities, each line names the entry; where they have
// families, an open port tells that of its machine. Where ports hold conversations, an open port of
// IPv4 tells of its own, too: see talk_truth.h.
//
// Fails with Output when `out` does not take it all. Cost: tens of millions of addresses a second
// where few live.
[[nodiscard]] Result<void> write_truth(const Population& population, const TruthRequest& request,
                                       std::FILE* out);

}  // namespace trawl::simnet
