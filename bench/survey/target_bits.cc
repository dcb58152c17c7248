#include "bench/survey/target_bits.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace trawl::survey_bench {
namespace {

constexpr std::uint64_t kWordBits = 64;
constexpr std::uint16_t kNoPort = 0xffff;

std::size_t words_for(std::uint64_t bits) noexcept {
  return static_cast<std::size_t>(bits / kWordBits + 1);
}

}  // namespace

Result<TargetBits> TargetBits::make(const Ipv4Prefix& space, std::span<const std::uint16_t> ports) {
  const std::uint64_t addresses = std::uint64_t{1} << (Ipv4Address::kBits - space.length());
  Words bits{words_for(addresses * ports.size())};
  Words expected{words_for(addresses)};
  if (bits.empty() || expected.empty()) {
    return fail(ExitCode::BadInput,
                fmt::format("no memory for {} bits; give fewer targets", addresses * ports.size()));
  }
  bits.expect_use_all_over();
  return TargetBits{space, ports, std::move(bits), std::move(expected)};
}

TargetBits::TargetBits(const Ipv4Prefix& space, std::span<const std::uint16_t> ports, Words bits,
                       Words expected)
    : first_{space.first().value()},
      addresses_{std::uint64_t{1} << (Ipv4Address::kBits - space.length())},
      ports_{ports.size()},
      port_ranks_(std::size_t{1} << 16U, kNoPort),
      bits_{std::move(bits)},
      expected_{std::move(expected)} {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    port_ranks_[ports[i]] = static_cast<std::uint16_t>(i);
  }
  under_way_.fill(kNone);
}

void TargetBits::fill(Words& words, std::uint64_t first, std::uint64_t count, bool value) noexcept {
  while (count > 0) {
    const std::uint64_t at = first % kWordBits;
    const std::uint64_t run = std::min(count, kWordBits - at);
    const std::uint64_t mask =
        (run == kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << run) - 1) << at;
    std::uint64_t& word = words[static_cast<std::size_t>(first / kWordBits)];
    word = value ? word | mask : word & ~mask;
    first += run;
    count -= run;
  }
}

void TargetBits::expect_all() noexcept {
  fill(bits_, 0, addresses_ * ports_, true);
  fill(expected_, 0, addresses_, true);
}

void TargetBits::exclude(const Ipv4Prefix& prefix) noexcept {
  const std::uint64_t begin = std::max(prefix.first().value(), first_);
  const std::uint64_t end = std::min(std::uint64_t{prefix.last().value()} + 1, first_ + addresses_);
  if (begin >= end) return;
  fill(bits_, (begin - first_) * ports_, (end - begin) * ports_, false);
  fill(expected_, begin - first_, end - begin, false);
}

std::uint64_t TargetBits::index(Endpoint target) const noexcept {
  const std::uint64_t offset = target.ip - first_;  // Wraps to a large one below the prefix.
  const std::uint16_t port = port_ranks_[target.port];
  return offset < addresses_ && port != kNoPort ? offset * ports_ + port : kNone;
}

bool TargetBits::expect(Endpoint target) noexcept {
  const std::uint64_t at = index(target);
  if (at == kNone) return false;
  fill(bits_, at, 1, true);
  fill(expected_, at / ports_, 1, true);
  return true;
}

void TargetBits::tick(Endpoint target) noexcept {
  const std::uint64_t at = index(target);
  ++counts_.ticked;
  if (at == kNone) {
    ++counts_.outside;
    return;
  }
  __builtin_prefetch(&bits_[static_cast<std::size_t>(at / kWordBits)], 1);
  settle(std::exchange(under_way_[next_], at));
  next_ = (next_ + 1) % kUnderWay;
}

void TargetBits::finish() noexcept {
  for (std::uint64_t& at : under_way_) settle(std::exchange(at, kNone));
}

void TargetBits::settle(std::uint64_t at) noexcept {
  if (at == kNone) return;
  std::uint64_t& word = bits_[static_cast<std::size_t>(at / kWordBits)];
  const std::uint64_t bit = std::uint64_t{1} << (at % kWordBits);
  if ((word & bit) != 0) [[likely]] {
    word &= ~bit;
    return;
  }
  const std::uint64_t address = at / ports_;
  const bool was_expected =
      (expected_[static_cast<std::size_t>(address / kWordBits)] >> (address % kWordBits) & 1U) != 0;
  ++(was_expected ? counts_.twice : counts_.outside);
}

std::uint64_t TargetBits::left() const noexcept {
  std::uint64_t left = 0;
  const std::size_t words = words_for(addresses_ * ports_);
  for (std::size_t i = 0; i < words; ++i) {
    left += static_cast<std::uint64_t>(std::popcount(bits_[i]));
  }
  return left;
}

}  // namespace trawl::survey_bench
