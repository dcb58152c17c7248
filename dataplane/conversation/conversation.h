#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/port_class.h"
#include "dataplane/banner.h"
#include "dataplane/conversation/reassembly.h"
#include "dataplane/target.h"

namespace trawl::dataplane {

// How far a conversation is. What is before the first word of the peer has no state at all, but for
// ports that are sent no payload.
enum class ConversationState : std::uint8_t {
  Listening,  // Nothing was sent but an ACK; the peer may speak first.
  Asked,      // The second payload went out on the connection that was listened to.
  Taken,      // It acknowledged all that was sent.
  Stuck,      // It acknowledged less than that.
  Talking,    // Data came.
  Doubtful,   // A reset that proves nothing: words may still come.
  Calling,    // A second connection is being opened.
  Ending,     // All is known; there was no slab to say so.
  Done        // Its banner is out; remembered so that stragglers do not make another.
};

// Which connection to a port: each has a cookie of its own.
enum class Connection : std::uint8_t { First = 1, Second = 2 };

// What is remembered of one conversation, besides the bytes of its banner.
template <typename Address>
struct BasicConversation {
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  BasicTarget<Address> target;
  Address source;  // Ours.
  Ticks deadline = 0;
  Ticks begun = 0;
  Ticks arrival = 0;  // Of the first data.
  // Of the table.
  std::uint32_t hash = 0;
  std::uint32_t next = kNone;
  std::uint32_t previous = kNone;
  std::uint8_t queue = 0;

  ConversationState state = ConversationState::Listening;
  Connection connection = Connection::First;
  std::uint8_t payload = 0;  // Sent last on this connection.
  std::uint8_t attempt = 1;  // Of the probe.
  std::uint8_t repeats = 0;  // Of what is sent by the clock.
  PortClass ending =
      PortClass::Unknown;  // Once known; of a second connection, what stands without.
  BannerEnd end = BannerEnd::Idle;
  bool settled = false;  // Where the peer's bytes begin is certain.
  bool has_stamps = false;
  bool scales = false;            // The peer takes our windows for scaled ones.
  std::uint16_t source_port = 0;  // Ours.
  std::uint16_t acked = 0;        // How much of our payload the peer has.
  std::uint16_t window = 0;       // What it last let us send.
  std::uint32_t slab = kNone;     // Of its bytes; none before the first.
  std::uint32_t own = 0;          // Sequence number of our first byte,
  std::uint32_t first = 0;        // and of the peer's.
  std::uint32_t stamp = 0;        // Ours,
  std::uint32_t echo = 0;         // and the peer's last one.
  Reassembly stream;
};

}  // namespace trawl::dataplane
