#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "service/match/match_engine.h"
#include "service/nsock/event.h"

namespace trawl::service {

// How a port is asked.
struct InquiryRules {
  unsigned intensity = 7;         // 0 to 9; at 9 a soft match leaves no probe out.
  bool all_ports = false;         // Exclude does not count.
  bool is_strict = false;         // One connection after the other, every wait to its end.
  unsigned parallelism = 3;       // Connections at once.
  std::string program_version{};  // For fingerprints.
};

// What PortInquiry wants done.
struct InquiryCommand {
  enum class Kind : std::uint8_t {
    Open,    // A connection, `attempt`, of which connected() or not_connected() tells.
    Send,    // `probe` on it. NULL's has no bytes.
    Close,   // It; nothing more is told of it.
    Linger,  // It is only listened to from now on.
    Match,   // `response` to `probe`: matched(ticket, ...) tells.
    Tell     // For a trace: `match` counts.
  };
  Kind kind = Kind::Close;
  std::uint32_t attempt = 0;
  bool is_tls = false;
  bool is_extra = false;  // Open: others are open already, so this one may wait for a descriptor.
  std::size_t probe = 0;
  std::uint32_t ticket = 0;
  std::string response{};
  std::optional<LineMatch> match{};
};

// A connection of ours. A closed one is forgotten.
struct InquiryAttempt {
  std::uint32_t number = 0;  // The older, the smaller.
  bool is_connected = false;
  SteadyTime asked_at{};
  SteadyTime connected_at{};
  std::size_t slot = 0;  // The question that it carries.
  bool is_idle = false;  // That one's wait is over; the connection may carry the next.
  // Of UDP: that one's wait is over, and late answers are taken till then.
  std::optional<SteadyTime> lingers_until{};

  // Of connecting: about one round trip.
  [[nodiscard]] SteadyTime::duration round_trip() const noexcept { return connected_at - asked_at; }
};

// A probe and what came of it.
struct InquirySlot {
  enum class State : std::uint8_t { Waiting, Running, Ended };

  std::size_t probe = 0;
  bool is_null = false;
  bool is_listed = false;  // The probe's `ports` name the port.
  bool is_usual = false;   // Asked without a soft match: listed, or not too rare.
  State state = State::Waiting;
  std::uint32_t attempt = 0;
  SteadyTime deadline = SteadyTime::max();
  SteadyTime active_at{};  // When it was sent, or when data came last.
  std::string response{};
  std::size_t inherited = 0;      // Bytes of it that came before, on the same connection.
  std::size_t older = 0;          // Connections older than its own that were open at its end.
  bool was_closed = false;        // By the server.
  bool was_empty = false;         // Of UDP: an empty datagram ended it.
  std::size_t spoke_behind = 0;   // Older connections that were open when something came.
  bool is_doubtful = false;       // Closed as it was, perhaps for our other connections...
  std::string doubted{};          // ...with these bytes, before it was asked alone.
  std::size_t doubted_older = 0;  // Of that time.
  bool is_alone = false;          // Asked with no other connection open...
  bool is_repeated = false;       // ...or on NULL's connection, after silence on one of its own.
  std::size_t matched = 0;        // Bytes that were looked at.
  std::uint32_t ticket = 0;       // Of the match under way.
  std::unique_ptr<LineMatch> hard{};
  std::unique_ptr<LineMatch> soft{};  // The first one counts.

  [[nodiscard]] bool is_answered() const noexcept { return response.size() > inherited; }

  // Closed with words that nothing matches, beside others: they may be about these.
  [[nodiscard]] bool seems_turned_away() const noexcept {
    return was_closed && older > 0 && is_answered() && ticket == 0 && !hard && !soft;
  }

  // As if it had not been asked.
  void forget() {
    InquirySlot fresh;
    fresh.probe = probe;
    fresh.is_null = is_null;
    fresh.is_listed = is_listed;
    fresh.is_usual = is_usual;
    *this = std::move(fresh);
  }
};

}  // namespace trawl::service
