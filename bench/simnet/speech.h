#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/hash.h"
#include "bench/simnet/talk.h"

namespace trawl::simnet {

// What a server says at one point of a conversation.
enum class Utterance : std::uint8_t {
  None,
  Listening,    // Nothing yet, but a request has begun.
  Banner,       // Before anybody asked.
  Reply,        // To the request that is usual for the service.
  Refusal,      // To anything else; it closes then.
  CommandDone,  // 250 of SMTP,
  CommandUnknown,
  Goodbye,
  Trickle  // Of a tarpit, endless.
};

// The draw of the server on a port, from that of its host.
[[nodiscard]] constexpr std::uint64_t server_draw(std::uint64_t host_draw,
                                                  std::uint16_t port) noexcept {
  return mix64(host_draw ^ (std::uint64_t{port} << 32U));
}

// The bytes of one utterance of one server, made anew wherever they are needed: a pure function of
// what it is and the server's draw, so that nothing has to be kept for a retransmission.
//
// Thread: any. Cost: some hundred nanoseconds to make; allocates nothing.
class Speech {
 public:
  // `draw` is server_draw(). Empty where this kind of server never says such a thing.
  Speech(Talk talk, Utterance utterance, std::uint64_t draw) noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept { return head_size_ + filler_size_; }
  // Whether the server closes after it.
  [[nodiscard]] bool closes() const noexcept { return closes_; }
  // Copies the bytes from `offset` on to `out`. Needs offset + out.size() <= size().
  void copy(std::uint32_t offset, std::span<std::byte> out) const noexcept;

 private:
  static constexpr std::size_t kMostHead = 512;
  class Text;

  void http(Text& text, Talk talk, Utterance utterance, std::uint64_t draw) noexcept;
  void tls(Text& text, Utterance utterance, std::uint64_t draw) noexcept;
  void smtp(Text& text, Utterance utterance, std::uint64_t draw) noexcept;

  std::array<std::byte, kMostHead> head_;  // Of which head_size_ bytes are written.
  std::uint32_t head_size_ = 0;
  std::uint32_t filler_size_ = 0;  // Comes behind the head,
  std::uint32_t filler_from_ = 0;  // from here in an endless text.
  bool closes_ = false;
};

// What such a server says to a patient client that sends the usual request: nothing where it is no
// service.
[[nodiscard]] Utterance usual(Talk talk) noexcept;

// What a server makes of data that came in order.
struct Understanding {
  Utterance reply = Utterance::None;
  bool closes = false;         // Nothing more is said, but the server closes.
  bool after_newline = false;  // For the next data: whether this one ended with a line's end.
};
// `so_far` is what the server last said, `after_newline` what the data before ended with. Needs
// data.
[[nodiscard]] Understanding understand(Talk talk, Utterance so_far, bool after_newline,
                                       std::span<const std::byte> data) noexcept;

}  // namespace trawl::simnet
