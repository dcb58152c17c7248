#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/survey/target_bits.h"

namespace trawl::survey_bench {

// Reads "198.18.0.1:80" and "198.18.0.1,80,open" lines from a descriptor at the speed at which a
// dry run prints them: one pass over a large buffer, no copies.
//
// Thread: one user.
class TargetLines {
 public:
  explicit TargetLines(int descriptor);

  // Hands every line to `each`. A first line that begins with a letter is a header. False when
  // reading fails.
  template <typename Each>
  [[nodiscard]] bool read(Each each) {
    while (fill()) {
      const char* at = begin_;
      while (at != end_) {
        Endpoint target;
        const bool is_header = lines_++ == 0 && *at >= 'a' && *at <= 'z';
        if (!parse(at, target)) {
          bad_ += is_header ? 0 : 1;
          continue;
        }
        each(target);
      }
    }
    return !failed_;
  }
  // Lines that name no target.
  [[nodiscard]] std::uint64_t bad() const noexcept { return bad_; }

 private:
  // Makes [begin_, end_) the next whole lines; false at the end.
  [[nodiscard]] bool fill();

  // Reads a number below 2^17 or so; the caller checks what stands behind it.
  static std::uint32_t number(const char*& at) noexcept {
    std::uint32_t value = 0;
    for (unsigned digits = 0; digits < 5 && *at >= '0' && *at <= '9'; ++digits) {
      value = value * 10 + static_cast<std::uint32_t>(*at++ - '0');
    }
    return value;
  }
  // Moves `at` behind the line, which ends in a line feed.
  static bool parse(const char*& at, Endpoint& target) noexcept {
    bool sound = *at >= '0' && *at <= '9';
    for (unsigned octet = 0; octet < 4; ++octet) {
      const std::uint32_t value = number(at);
      sound = sound && value < 256 && (octet == 3 ? *at == ':' || *at == ',' : *at == '.');
      target.ip = (target.ip << 8U) | value;
      if (*at != '\n') ++at;
    }
    const std::uint32_t port = number(at);
    target.port = static_cast<std::uint16_t>(port);
    sound = sound && port < 65536 && (*at == '\n' || *at == ',');
    while (*at != '\n') ++at;
    ++at;
    return sound;
  }

  int descriptor_;
  bool failed_ = false;
  std::vector<char> buffer_;
  char* begin_ = nullptr;
  char* end_ = nullptr;     // Behind the last line feed.
  char* filled_ = nullptr;  // Behind the last byte read.
  std::uint64_t lines_ = 0;
  std::uint64_t bad_ = 0;
};

}  // namespace trawl::survey_bench
