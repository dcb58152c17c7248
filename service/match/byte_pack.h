#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace trawl::service {

// Numbers and byte strings one after the other, in the byte order of this machine.
class PackWriter {
 public:
  void number(std::uint32_t value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    packed_.append(bytes, sizeof value);
  }
  // Needs less than 4 GiB.
  void bytes(std::string_view bytes) {
    number(static_cast<std::uint32_t>(bytes.size()));
    packed_ += bytes;
  }
  [[nodiscard]] std::string take() noexcept { return std::move(packed_); }

 private:
  std::string packed_;
};

// Reads what PackWriter wrote. What is not there reads as 0 or "", and is_good() is false then.
class PackReader {
 public:
  explicit PackReader(std::string_view packed) noexcept : left_{packed} {}

  std::uint32_t number() noexcept {
    std::uint32_t value = 0;
    const std::string_view bytes = take(sizeof value);
    if (is_good_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  // The number of things that follow, each of `least` bytes or more.
  std::uint32_t count(std::size_t least) noexcept {
    const std::uint32_t value = number();
    if (value > left_.size() / least) is_good_ = false;
    return is_good_ ? value : 0;
  }
  std::string_view bytes() noexcept { return take(number()); }
  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] bool is_at_end() const noexcept { return is_good_ && left_.empty(); }

 private:
  std::string_view take(std::size_t size) noexcept {
    if (size > left_.size()) is_good_ = false;
    if (!is_good_) return {};
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  std::string_view left_;
  bool is_good_ = true;
};

}  // namespace trawl::service
