#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace trawl {

// A size in bytes.
class ByteCount {
 public:
  constexpr ByteCount() noexcept = default;
  constexpr explicit ByteCount(std::uint64_t bytes) noexcept : bytes_{bytes} {}
  [[nodiscard]] static constexpr ByteCount mebibytes(std::uint64_t n) noexcept {
    return ByteCount{n << 20U};
  }
  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return bytes_; }
  friend constexpr auto operator<=>(ByteCount, ByteCount) noexcept = default;
  friend constexpr ByteCount operator+(ByteCount a, ByteCount b) noexcept {
    return ByteCount{a.bytes_ + b.bytes_};
  }

 private:
  std::uint64_t bytes_ = 0;
};

// A number of packets.
class PacketCount {
 public:
  constexpr PacketCount() noexcept = default;
  constexpr explicit PacketCount(std::uint64_t packets) noexcept : packets_{packets} {}
  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return packets_; }
  friend constexpr auto operator<=>(PacketCount, PacketCount) noexcept = default;

 private:
  std::uint64_t packets_ = 0;
};

// A packet rate. Zero is a rate (a pause); "as fast as the link takes" is unlimited().
class PacketsPerSecond {
 public:
  constexpr PacketsPerSecond() noexcept = default;
  constexpr explicit PacketsPerSecond(double rate) noexcept : rate_{rate} {}
  [[nodiscard]] static constexpr PacketsPerSecond unlimited() noexcept {
    return PacketsPerSecond{-1.0};
  }
  [[nodiscard]] constexpr bool is_unlimited() const noexcept { return rate_ < 0.0; }
  // Needs !is_unlimited().
  [[nodiscard]] constexpr double per_second() const noexcept { return rate_; }
  // The packets this rate allows in `time`; needs !is_unlimited().
  [[nodiscard]] constexpr double packets_in(std::chrono::duration<double> time) const noexcept {
    return rate_ * time.count();
  }
  // An even share for one of `parts` senders.
  [[nodiscard]] constexpr PacketsPerSecond divided_by(unsigned parts) const noexcept {
    return is_unlimited() ? *this : PacketsPerSecond{rate_ / parts};
  }
  friend constexpr bool operator==(PacketsPerSecond, PacketsPerSecond) noexcept = default;

 private:
  double rate_ = 0.0;
};

// A bit rate on the wire: frame, preamble, frame check sequence and inter-frame gap.
class BitsPerSecond {
 public:
  // Preamble and start delimiter 8, frame check sequence 4, inter-frame gap 12 (IEEE 802.3).
  static constexpr ByteCount kEthernetOverhead{24};
  // Shortest frame without its check sequence.
  static constexpr ByteCount kShortestFrame{60};

  constexpr explicit BitsPerSecond(double rate) noexcept : rate_{rate} {}
  [[nodiscard]] constexpr double per_second() const noexcept { return rate_; }
  // The rate of frames of `frame` bytes (without check sequence) that fills this many bits/s.
  [[nodiscard]] constexpr PacketsPerSecond as_packets(ByteCount frame) const noexcept {
    const ByteCount padded = frame < kShortestFrame ? kShortestFrame : frame;
    return PacketsPerSecond{rate_ /
                            (8.0 * static_cast<double>((padded + kEthernetOverhead).count()))};
  }

 private:
  double rate_;
};

}  // namespace trawl
