#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trawl::dataplane {

// Which bytes of a stream have come, and where it ends. The bytes themselves lie elsewhere, each at
// its offset from the first one.
//
// Where segments overlap and differ, the bytes that came first stay, as RFC 9293 section 3.10.7.4
// has it (a receiver trims what it has already).
// Thread: one polling core.
class Reassembly {
 public:
  static constexpr unsigned kMostPieces = 4;  // Behind gaps.

  enum class Outcome : std::uint8_t {
    Kept,         // New bytes.
    Known,        // Nothing new.
    Beyond,       // All of it lies behind the end of the room or of the stream.
    TooScattered  // It would be one piece more than are kept; nothing was taken.
  };

  // Takes `data` at `offset` into `room`, where it fits.
  [[nodiscard]] Outcome insert(std::uint32_t offset, std::span<const std::byte> data,
                               std::span<std::byte> room) noexcept;
  // The stream ends at `offset`. The first to say so counts.
  void close_at(std::uint32_t offset) noexcept {
    if (end_ == kOpen && offset >= got_) end_ = offset;
  }
  // The stream began `by` bytes earlier than was thought.
  void begin_earlier(std::uint32_t by, std::span<std::byte> room) noexcept;

  // How many bytes are there from the first one on, without a gap.
  [[nodiscard]] std::uint32_t contiguous() const noexcept { return got_; }
  [[nodiscard]] bool has_gaps() const noexcept {
    return pieces_ > 0 || (end_ != kOpen && got_ < end_);
  }
  [[nodiscard]] bool is_closed() const noexcept { return got_ >= end_; }

 private:
  static constexpr std::uint32_t kOpen = ~std::uint32_t{0};
  struct Piece {
    std::uint32_t begin;
    std::uint32_t end;
  };

  [[nodiscard]] bool fits(std::uint32_t begin, std::uint32_t end) const noexcept;
  void merge(Piece piece) noexcept;

  std::uint32_t got_ = 0;
  std::uint32_t end_ = kOpen;
  std::uint32_t pieces_ = 0;
  std::array<Piece, kMostPieces> later_{};  // In rising order, neither touching nor overlapping.
};

}  // namespace trawl::dataplane
