#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/ip.h"
#include "base/result.h"
#include "bench/simnet/zero_pages.h"

namespace trawl::simnet {

// Which conversation: the four-tuple, seen from the simulated host.
struct ConversationKey {
  std::uint32_t host;
  std::uint32_t peer;
  std::uint16_t host_port;
  std::uint16_t peer_port;
  friend bool operator==(const ConversationKey&, const ConversationKey&) = default;
};

enum class ConversationState : std::uint8_t { Free, SynReceived, Open, TimeWait };

// All that is remembered of one TCP connection: one cache line. Sequence numbers are named as in
// RFC 9293 section 3.3.1.
struct Conversation {
  static constexpr std::uint8_t kUnscaled = 15;

  ConversationKey key;
  std::uint32_t chain;       // The next of its hash, or of the free ones.
  std::uint32_t timer_next;  // Of the same grain of the timing wheel,
  std::uint32_t timer_prev;
  std::uint32_t armed;      // which is this one; 0: in none.
  std::uint32_t due;        // The grain in which something has to be done.
  std::uint32_t una;        // SND.UNA
  std::uint32_t nxt;        // SND.NXT, the highest ever sent.
  std::uint32_t end;        // Behind the last byte of what the server is saying.
  std::uint32_t rcv;        // RCV.NXT
  std::uint32_t window;     // SND.WND, scaled.
  std::uint32_t ts_recent;  // TS.Recent of RFC 7323.
  std::uint16_t mss;        // Of data, what the peer takes less our options.
  std::uint8_t mac;         // Number of the peer's MAC address.
  std::uint8_t extra;       // Packets that came after the SYN, 255 at most.
  std::uint8_t talk : 4;
  std::uint8_t scale : 4;  // Of the peer's windows, or kUnscaled.
  std::uint8_t utterance : 4;
  std::uint8_t retries : 4;  // Of what is not acknowledged.
  ConversationState state : 2;
  bool has_timestamps : 1;
  bool has_sack : 1;       // The SYN offered it.
  bool closing : 1;        // We close once all is said.
  bool peer_closed : 1;    // Its FIN came.
  bool recovering : 1;     // After a timeout, until all is acknowledged.
  bool has_more : 1;       // More may be sent at once.
  bool after_newline : 1;  // Of understand().
  bool is_direct : 1;      // Frames to the host had its own MAC address, not the router's.
};
static_assert(sizeof(Conversation) == 64 && std::is_trivial_v<Conversation>);

// The conversations under way: found by key, and each in a timing wheel of milliseconds.
//
// Thread: one polling core. Cost: add, find, drop and arm each take constant time, some cache
// misses, and never allocate. Memory is touched as it is used.
class ConversationTable {
 public:
  using Grain = std::uint32_t;  // Milliseconds from the start, from 1 on.
  static constexpr Grain kHorizon = 65'000;

  // For `limit` conversations. Fails with Runtime when there is too little memory.
  [[nodiscard]] static Result<ConversationTable> make(std::size_t limit);

  [[nodiscard]] Conversation* find(const ConversationKey& key) noexcept;
  // A conversation of which everything but `key` is zero. Needs a key that find() does not find,
  // and room.
  [[nodiscard]] Conversation& add(const ConversationKey& key) noexcept;
  [[nodiscard]] bool is_full() const noexcept { return free_ == kNone && fresh_ == limit_; }
  // About the oldest: those that a round through all comes to next. Needs is_full().
  [[nodiscard]] Conversation& next_victim() noexcept;
  void drop(Conversation& conversation) noexcept;

  // Makes take_due() return it once `due` is reached, and not before. Needs a due time of at most
  // kHorizon ahead of the last call of take_due().
  void arm(Conversation& conversation, Grain due) noexcept;
  // The next that is due, which then is in the wheel no more; null when there is none. Needs `now`
  // never to go back.
  [[nodiscard]] Conversation* take_due(Grain now) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

 private:
  // Indices begin with 1, so that zeros are empty.
  static constexpr std::uint32_t kNone = 0;
  static constexpr std::size_t kGrains = std::size_t{1} << 16U;
  static_assert(kHorizon < kGrains);
  struct List {
    std::uint32_t first;
    std::uint32_t last;
  };

  explicit ConversationTable(std::size_t limit);
  [[nodiscard]] std::uint32_t& bucket(const ConversationKey& key) noexcept;
  [[nodiscard]] std::uint32_t index_of(const Conversation& c) const noexcept {
    return static_cast<std::uint32_t>(&c - &pool_[0]);
  }
  void link(Conversation& conversation, Grain grain) noexcept;
  void unlink(Conversation& conversation) noexcept;

  std::size_t limit_;
  std::size_t size_ = 0;
  std::size_t fresh_ = 0;  // The first so many were used before.
  std::uint32_t free_ = kNone;
  std::uint32_t victim_ = 0;
  Grain cursor_ = 1;
  std::size_t mask_ = 0;
  ZeroPages<Conversation> pool_;
  ZeroPages<std::uint32_t> buckets_;
  ZeroPages<List> wheel_;
};

}  // namespace trawl::simnet
