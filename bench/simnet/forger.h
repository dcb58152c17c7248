#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/simnet/frame.h"
#include "bench/simnet/population.h"
#include "dataplane/wire.h"

namespace trawl::simnet {

// Makes up SYN-ACKs and resets that answer no probe: from addresses all over the population, to the
// scanner's address and to ports it really uses, with random sequence and acknowledgement numbers.
// Each is a sound frame, so only validation tells it from a genuine reply.
//
// Keeps a given ratio to the genuine replies that it is told of. Forged frames take no part in
// loss, limits or bottlenecks.
//
// Thread: one polling core. Cost: one template copy and two draws a frame; timed by
// bench/simnet/responder_bench.cc.
class Forger {
 public:
  // Needs a population that outlives it.
  explicit Forger(const Population& population);

  [[nodiscard]] bool is_active() const noexcept { return each_ > 0; }
  // A genuine reply leaves: learns from a TCP one where scanners are, and owes its forged frames.
  // Needs a sound IPv4 frame of the responder's.
  void note(std::span<const std::byte> reply) noexcept;
  // How many frames are owed, at most `most`.
  [[nodiscard]] unsigned owed(unsigned most) const noexcept {
    if (owed_ < 1 || known_ == 0) return 0;
    return owed_ < most ? static_cast<unsigned>(owed_) : most;
  }
  static constexpr std::size_t kFrameSize = 58;
  // Writes the next owed frame and returns its size. Needs owed() > 0 and room for kFrameSize.
  [[nodiscard]] std::size_t write(std::span<std::byte> buffer) noexcept;

 private:
  static constexpr std::size_t kRemembered = 256;

  struct Ports {
    std::uint16_t service;
    std::uint16_t scanner;
  };
  // A SYN-ACK or a reset to the scanner seen last, without what differs between frames.
  struct Template {
    std::array<std::byte, 64> bytes{};
    wire::ChecksumPart ip_sum;
    wire::ChecksumPart tcp_sum;
    std::size_t size = 0;
  };

  void prepare(Template& out, std::span<const std::byte> reply, std::uint8_t flags,
               std::size_t tcp_size) const noexcept;

  const Population* population_;
  double each_;  // Forged frames for each genuine reply.
  double owed_ = 0;
  std::uint64_t key_;
  std::uint64_t made_ = 0;
  std::uint64_t noted_ = 0;
  std::size_t known_ = 0;
  std::array<Ports, kRemembered> ports_{};
  std::array<std::byte, 12> macs_{};
  std::uint32_t scanner_ = 0;  // Memory order.
  std::array<Template, 2> templates_;
};

}  // namespace trawl::simnet
