#include "bench/simnet/forger.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kForgedKey = 0xf0f6ed;
constexpr std::size_t kIp = wire::kEthernetSize;
constexpr std::size_t kTcp = wire::kEthernetSize + wire::kIpSize;
constexpr std::uint32_t kMssOption = 0x020405b4;
constexpr std::uint16_t kWindow = 64240;

}  // namespace

Forger::Forger(const Population& population)
    : population_{&population},
      each_{population.options().forged / (1 - population.options().forged)},
      key_{mix64(population.options().seed ^ kForgedKey)} {}

void Forger::note(std::span<const std::byte> reply) noexcept {
  owed_ += each_;
  const std::byte* const frame = reply.data();
  if (reply.size() < kTcp + wire::kTcpSize ||
      wire::read16(frame + wire::kEthernetType) != wire::kTypeIpv4 ||
      wire::read8(frame + kIp + wire::kIpProtocol) != wire::kProtocolTcp) {
    return;
  }
  ports_[noted_++ % kRemembered] = {wire::read16(frame + kTcp), wire::read16(frame + kTcp + 2)};
  known_ = std::min<std::size_t>(noted_, kRemembered);
  std::uint32_t scanner;
  std::memcpy(&scanner, frame + kIp + wire::kIpDestination, sizeof scanner);
  if (scanner == scanner_ && std::memcmp(frame, macs_.data(), macs_.size()) == 0) return;
  scanner_ = scanner;
  std::memcpy(macs_.data(), frame, macs_.size());
  prepare(templates_[0], reply, wire::kSyn | wire::kAck, wire::kTcpSize + sizeof kMssOption);
  prepare(templates_[1], reply, wire::kRst | wire::kAck, wire::kTcpSize);
}

void Forger::prepare(Template& out, std::span<const std::byte> reply, std::uint8_t flags,
                     std::size_t tcp_size) const noexcept {
  std::byte* const frame = out.bytes.data();
  std::memcpy(frame, reply.data(), kTcp);
  out.size = kTcp + tcp_size;
  std::byte* const ip = frame + kIp;
  wire::write16(ip, 0x4500);
  wire::write16(ip + wire::kIpLength, static_cast<std::uint16_t>(wire::kIpSize + tcp_size));
  wire::write16(ip + wire::kIpId, 0);
  wire::write16(ip + wire::kIpChecksum, 0);
  wire::write32(ip + wire::kIpSource, 0);
  std::byte* const tcp = frame + kTcp;
  std::memset(tcp, 0, tcp_size);
  wire::write8(tcp + wire::kTcpOffset, static_cast<std::uint8_t>(tcp_size / 4 << 4U));
  wire::write8(tcp + wire::kTcpFlags, flags);
  wire::write16(tcp + wire::kTcpWindow, (flags & wire::kSyn) != 0 ? kWindow : 0);
  if (tcp_size > wire::kTcpSize) wire::write32(tcp + wire::kTcpSize, kMssOption);
  out.ip_sum = wire::ChecksumPart::over(ip, wire::kIpSize);
  out.tcp_sum = wire::ChecksumPart::over(tcp, tcp_size);
  out.tcp_sum.add(scanner_);
  out.tcp_sum.add(wire::swap16(wire::kProtocolTcp));
  out.tcp_sum.add(wire::swap16(static_cast<std::uint16_t>(tcp_size)));
}

std::size_t Forger::write(std::span<std::byte> buffer) noexcept {
  owed_ -= 1;
  const std::uint64_t who = mix64(key_ + 2 * made_);
  const std::uint64_t what = mix64(key_ + 2 * made_ + 1);
  ++made_;
  const Template& from = templates_[who & 1U];
  const Ports ports = ports_[(who >> 1U) % known_];
  const auto rank = static_cast<std::uint32_t>(
      ((who >> 32U) * static_cast<std::uint64_t>(population_->addresses().size())) >> 32U);
  const std::uint32_t source = wire::swap32(population_->addresses().select(rank).value());
  std::byte* const frame = buffer.data();
  std::memcpy(frame, from.bytes.data(), kFrameSize);
  std::byte* const ip = frame + kIp;
  wire::ChecksumPart ip_sum = from.ip_sum;
  ip_sum.add(source);
  wire::store(ip + wire::kIpSource, source);
  wire::store(ip + wire::kIpChecksum, ip_sum.finish());
  std::byte* const tcp = frame + kTcp;
  const std::uint32_t both =
      wire::swap32((std::uint32_t{ports.service} << 16U) | std::uint32_t{ports.scanner});
  const auto seq = static_cast<std::uint32_t>(what);
  const auto ack = static_cast<std::uint32_t>(what >> 32U);
  wire::ChecksumPart tcp_sum = from.tcp_sum;
  tcp_sum.add(source);
  tcp_sum.add(both);
  tcp_sum.add(seq);
  tcp_sum.add(ack);
  wire::store(tcp, both);
  wire::store(tcp + wire::kTcpSequence, seq);
  wire::store(tcp + wire::kTcpAck, ack);
  wire::store(tcp + wire::kTcpChecksum, tcp_sum.finish());
  return from.size;
}

}  // namespace trawl::simnet
