#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "bench/simnet/zero_pages.h"

namespace trawl::survey_bench {

struct Endpoint {
  std::uint32_t ip = 0;
  std::uint16_t port = 0;
};

// What became of the targets that were ticked off.
struct TickCounts {
  std::uint64_t ticked = 0;
  std::uint64_t twice = 0;
  std::uint64_t outside = 0;  // Not expected at all.
};

// A bit for each target of a prefix by a list of ports, set as long as the target is expected and
// has not come: proof that each came once, at the price of one bit. Shares no code with the target
// space it proves.
//
// Thread: one user. Cost: tick() touches its bit some targets later, when it is in the cache; 512
// MiB for 2^32 targets.
class TargetBits {
 public:
  // Fails with BadInput when there is no memory for the bits.
  [[nodiscard]] static Result<TargetBits> make(const Ipv4Prefix& space,
                                               std::span<const std::uint16_t> ports);

  // Expects every target.
  void expect_all() noexcept;
  // Expects none of `prefix` any more.
  void exclude(const Ipv4Prefix& prefix) noexcept;
  // False when the target is outside the prefix or the ports.
  [[nodiscard]] bool expect(Endpoint target) noexcept;

  // The target has come.
  void tick(Endpoint target) noexcept;
  // Needs to be called after the last tick().
  void finish() noexcept;
  [[nodiscard]] const TickCounts& counts() const noexcept { return counts_; }
  // How many are expected and have not come.
  [[nodiscard]] std::uint64_t left() const noexcept;

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  static constexpr std::size_t kUnderWay = 32;
  using Words = simnet::ZeroPages<std::uint64_t>;

  TargetBits(const Ipv4Prefix& space, std::span<const std::uint16_t> ports, Words bits,
             Words expected);

  [[nodiscard]] std::uint64_t index(Endpoint target) const noexcept;
  void settle(std::uint64_t index) noexcept;
  static void fill(Words& words, std::uint64_t first, std::uint64_t count, bool value) noexcept;

  std::uint32_t first_;
  std::uint64_t addresses_;
  std::uint64_t ports_;
  std::vector<std::uint16_t> port_ranks_;  // By port.
  Words bits_;
  Words expected_;  // By address: whether it was expected in the beginning.
  std::array<std::uint64_t, kUnderWay> under_way_;
  std::size_t next_ = 0;
  TickCounts counts_;
};

}  // namespace trawl::survey_bench
