#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace trawl::osfp {

// The kinds of the options of one TCP header in their order (RFC 9293 section 3.1), without their
// values: what tells stacks apart best, as a stack writes them in an order of its own.
//
// Of an end of list the number of bytes that follow it is kept, and it is the last.
class OptionLayout {
 public:
  static constexpr std::uint8_t kEnd = 0;
  static constexpr std::uint8_t kNop = 1;
  static constexpr std::uint8_t kMss = 2;
  static constexpr std::uint8_t kScale = 3;
  static constexpr std::uint8_t kSackPermitted = 4;
  static constexpr std::uint8_t kSack = 5;
  static constexpr std::uint8_t kTimestamps = 8;
  static constexpr std::size_t kMost = 40;  // A byte each at least, and there are no more.

  // Does nothing when there are kMost already, or after an end of list.
  constexpr void add(std::uint8_t kind) noexcept {
    if (size_ < kMost && !has_end_) kinds_[size_++] = kind;
  }
  constexpr void end(std::uint8_t padding) noexcept {
    has_end_ = true;
    padding_ = padding;
  }
  [[nodiscard]] constexpr std::span<const std::uint8_t> kinds() const noexcept {
    return {kinds_.data(), size_};
  }
  [[nodiscard]] constexpr bool has_end() const noexcept { return has_end_; }
  [[nodiscard]] constexpr std::uint8_t padding() const noexcept { return padding_; }
  // Of all that operator== looks at.
  [[nodiscard]] std::uint64_t hash() const noexcept;
  // "mss,nop,ws,eol+1", as signature files have it.
  [[nodiscard]] std::string print() const;

  friend constexpr bool operator==(const OptionLayout& a, const OptionLayout& b) noexcept = default;

 private:
  // Zero from size_ on.
  alignas(8) std::array<std::uint8_t, kMost> kinds_{};
  std::uint8_t size_ = 0;
  bool has_end_ = false;
  std::uint8_t padding_ = 0;
};

}  // namespace trawl::osfp
