#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/packet_socket.h"
#include "dataplane/packet/raw_network.h"
#include "osfp/active/host_probing.h"
#include "osfp/active6/probing6.h"

namespace trawl::control {

// One round of the probes of OS detection to one host.
struct OsQuestion {
  std::uint64_t id = 0;  // Not that of another one that is not answered yet.
  dataplane::Way way;
  osfp::ProbeSeries series;  // Addresses and ports of the host; the rest is the prober's.
  std::optional<osfp::ProbeSeries6> series6{};  // Instead, of a host with an IPv6 address.
  bool knows_closed_port = false;
  bool only_open_port = false;                     // Nothing but the TCP part, to the open port.
  osfp::Moment timeout = std::chrono::seconds{1};  // For an answer.
  // The first source port of the batch that was the last to this host; nullopt before any.
  std::optional<std::uint16_t> last_batch{};
  osfp::ProbeSet sent_once{};  // Nothing answered these in earlier rounds.
};

struct OsAnswer {
  std::uint64_t id = 0;
  osfp::Round round;
  std::optional<osfp::Round6> round6{};  // Instead, of an IPv6 host.
  bool kept_time = true;                 // SEQ probes left 100 ms apart...
  double timing_ratio = 1;               // ...or over that much of the time they should have taken.
  std::vector<std::byte> syn_ack;  // The packet that answered the first of them; none for silence.
};

// A packet that was sent or came, for --packet-trace.
struct OsTracedPacket {
  bool is_sent = false;
  bool has_header = false;
  std::vector<std::byte> bytes;
};

// Asks hosts beside the engine, by a clock that no other work holds up.
//
// Thread: one user.
class OsProber {
 public:
  struct News {
    std::vector<OsAnswer> answers;
    std::vector<OsTracedPacket> packets;
    std::vector<std::string> warnings;
    dataplane::PacketCounters counters;  // Since it began.
  };

  virtual ~OsProber() = default;

  // Is answered once, unless it is dropped. Never needs two rounds to one host at once.
  virtual void ask(OsQuestion question) = 0;
  // Nothing more is sent for it; an answer may be on its way.
  virtual void drop(std::uint64_t id) = 0;
  virtual void trace(bool is_on) = 0;
  [[nodiscard]] virtual News take() = 0;
  // Readable while there is news; -1 for never.
  [[nodiscard]] virtual int fd() const noexcept = 0;
};

}  // namespace trawl::control
