#include "dataplane/exception/kernel_exchange.h"

#include <array>
#include <cstring>

#include "dataplane/exception/scan_filter.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kTwoMacs = 12;
constexpr unsigned kVlanIdBits = 0xfff;

}  // namespace

KernelExchange::KernelExchange(const Config& config, const Ipv4Set& blocked,
                               const Ipv6Set& blocked6)
    : scan_{scan_filter_config(config.traffic)},
      mac_{config.mac.to_integer()},
      vlan_{config.traffic.vlan},
      check_{config.traffic, config.gateway} {
  block(blocked, blocked6);
}

bool KernelExchange::is_kernels(std::span<const std::byte> frame) const noexcept {
  if (frame.size() < wire::kEthernetSize + vlan_.tag_size()) return false;
  if (frame.size() - vlan_.tag_size() > FrameRing::kMostBytes) return false;
  const bool is_group = (wire::read8(frame.data()) & 1U) != 0;
  if (!is_group && wire::read_mac(frame.data()) != mac_) return false;
  if (wire::read_mac(frame.data() + wire::kEthernetSource) == mac_)
    return false;  // Our own answer.
  if (vlan_.tagged()) {
    if (wire::read16(frame.data() + wire::kEthernetType) != wire::kTypeVlan) return false;
    if ((wire::read16(frame.data() + wire::kVlanTag) & kVlanIdBits) != vlan_.id()) return false;
  }
  const auto* const first = reinterpret_cast<const __u8*>(frame.data());
  return scan_filter_wants(&scan_, first, first + frame.size()) == 0;
}

bool KernelExchange::pass_up(std::span<const std::byte> frame) noexcept {
  const auto slot = up_.write_slot();
  if (slot.empty()) return false;
  const std::size_t tag = vlan_.tag_size();
  std::memcpy(slot.data(), frame.data(), kTwoMacs);
  std::memcpy(slot.data() + kTwoMacs, frame.data() + kTwoMacs + tag, frame.size() - kTwoMacs - tag);
  up_.commit(frame.size() - tag);
  return true;
}

// One of the two sees what the other did: either this finds the frames, or publish_up() finds it
// asleep.
void KernelExchange::sleep(const std::atomic<bool>& stop) noexcept {
  asleep_.store(true, std::memory_order_seq_cst);
  if (up_.waiting() == 0 && !stop.load(std::memory_order_seq_cst)) {
    asleep_.wait(true, std::memory_order_seq_cst);
  }
  asleep_.store(false, std::memory_order_relaxed);
}

void KernelExchange::wake() noexcept {
  asleep_.store(false, std::memory_order_seq_cst);
  asleep_.notify_one();
}

void KernelExchange::take_down(std::size_t size) noexcept {
  const auto slot = down_.write_slot();
  const std::size_t tag = vlan_.tag_size();
  if (size + tag > slot.size()) return count(KernelFrameCheck::Verdict::Blocked);
  const Guard& now = *guard_.load(std::memory_order_acquire);
  const auto verdict = check_.judge(slot.first(size), now.guard);
  if (verdict != KernelFrameCheck::Verdict::Allowed) return count(verdict);
  if (tag > 0) {
    std::memmove(slot.data() + kTwoMacs + tag, slot.data() + kTwoMacs, size - kTwoMacs);
    wire::write16(slot.data() + wire::kEthernetType, wire::kTypeVlan);
    wire::write16(slot.data() + wire::kVlanTag, vlan_.id());
  }
  down_.commit(size + tag, now.number);
}

bool KernelExchange::may_still_leave(std::uint32_t i) const noexcept {
  const Guard& now = *guard_.load(std::memory_order_acquire);
  if (down_.mark(i) == now.number) [[likely]]
    return true;
  // Judged as it came: without the tag.
  const auto frame = down_.frame(i);
  const std::size_t tag = vlan_.tag_size();
  std::array<std::byte, FrameRing::kMostBytes> bytes;
  const std::size_t size = frame.size() - tag;
  std::memcpy(bytes.data(), frame.data(), kTwoMacs);
  std::memcpy(bytes.data() + kTwoMacs, frame.data() + kTwoMacs + tag, size - kTwoMacs);
  return check_.judge({bytes.data(), size}, now.guard) == KernelFrameCheck::Verdict::Allowed;
}

void KernelExchange::count(KernelFrameCheck::Verdict verdict) noexcept {
  down_counters_.add(verdict == KernelFrameCheck::Verdict::ScanPort ? Counter::KernelScanPort
                                                                    : Counter::KernelBlocked);
}

void KernelExchange::block(const Ipv4Set& blocked, const Ipv6Set& blocked6) {
  const auto number = static_cast<std::uint32_t>(guards_.size());
  guards_.push_back(std::make_unique<const Guard>(Guard{PacketGuard{blocked, blocked6}, number}));
  guard_.store(guards_.back().get(), std::memory_order_release);
}

}  // namespace trawl::dataplane
