#include "dataplane/conversation/reassembly.h"

#include <algorithm>
#include <cstring>

namespace trawl::dataplane {

Reassembly::Outcome Reassembly::insert(std::uint32_t offset, std::span<const std::byte> data,
                                       std::span<std::byte> room) noexcept {
  const auto limit = static_cast<std::uint32_t>(std::min<std::size_t>(room.size(), end_));
  if (offset >= limit) return Outcome::Beyond;
  const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(data.size(), limit - offset));
  const std::uint32_t end = offset + size;
  const std::uint32_t begin = std::max(offset, got_);
  if (end <= begin) return Outcome::Known;
  if (!fits(begin, end)) return Outcome::TooScattered;
  // What lies between the pieces that are there is written; they themselves stay as they are.
  std::uint32_t at = begin;
  bool is_new = false;
  const auto write_until = [&](std::uint32_t until) {
    if (until <= at) return;
    std::memcpy(room.data() + at, data.data() + (at - offset), until - at);
    is_new = true;
  };
  for (std::uint32_t i = 0; i < pieces_ && at < end; ++i) {
    write_until(std::min(end, later_[i].begin));
    at = std::max(at, later_[i].end);
  }
  write_until(end);
  if (!is_new) return Outcome::Known;
  merge({begin, end});
  return Outcome::Kept;
}

bool Reassembly::fits(std::uint32_t begin, std::uint32_t end) const noexcept {
  if (begin == got_ || pieces_ < kMostPieces) return true;
  return std::any_of(later_.begin(), later_.begin() + pieces_,
                     [&](const Piece& piece) { return begin <= piece.end && end >= piece.begin; });
}

void Reassembly::merge(Piece piece) noexcept {
  std::array<Piece, kMostPieces + 1> merged{};
  std::uint32_t count = 0;
  bool placed = false;
  for (std::uint32_t i = 0; i < pieces_; ++i) {
    const Piece other = later_[i];
    if (other.end < piece.begin) {
      merged[count++] = other;
    } else if (other.begin > piece.end) {
      if (!placed) merged[count++] = piece;
      placed = true;
      merged[count++] = other;
    } else {
      piece = {std::min(piece.begin, other.begin), std::max(piece.end, other.end)};
    }
  }
  if (!placed) merged[count++] = piece;
  std::uint32_t first = 0;
  if (merged[0].begin <= got_) {
    got_ = std::max(got_, merged[0].end);
    first = 1;
  }
  pieces_ = count - first;
  std::copy_n(merged.begin() + first, pieces_, later_.begin());
}

void Reassembly::begin_earlier(std::uint32_t by, std::span<std::byte> room) noexcept {
  if (end_ != kOpen) end_ += by;
  std::array<Piece, kMostPieces + 1> pieces{};
  std::uint32_t count = 0;
  if (got_ > 0) pieces[count++] = {0, got_};
  for (std::uint32_t i = 0; i < pieces_; ++i) pieces[count++] = later_[i];
  got_ = 0;
  pieces_ = 0;
  const auto size = static_cast<std::uint32_t>(room.size());
  if (by >= size) return;
  if (count > 0) std::memmove(room.data() + by, room.data(), size - by);
  for (std::uint32_t i = 0; i < count && pieces_ < kMostPieces; ++i) {
    if (pieces[i].begin >= size - by) break;
    later_[pieces_++] = {pieces[i].begin + by, std::min(pieces[i].end, size - by) + by};
  }
}

}  // namespace trawl::dataplane
