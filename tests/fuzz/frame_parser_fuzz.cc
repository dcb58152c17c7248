#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "dataplane/internal/arp_frame.h"
#include "dataplane/reply.h"

namespace trawl::dataplane {
namespace {

constexpr Ipv4Address kSource{0xc6120001};  // 198.18.0.1
constexpr MacAddress kMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 0x01}};
constexpr PortRange kPorts{.first = 61000, .last = 64999};

void require(bool holds) {
  if (!holds) std::abort();
}

Neighbours& neighbours() {
  static Neighbours instance = std::move(*Neighbours::make(
      {.on_link = {*Ipv4Prefix::parse("198.18.0.0/15")}, .gateway = {}, .gateway_mac = {}}));
  return instance;
}

// A claim that is handed on must be one that our probes can have led to.
void check_reply(std::span<const std::byte> frame) {
  static const ReplyParser parser{kSource, kPorts};
  ReplyClaim claim;
  const Counter outcome = parser.parse(frame, claim);
  require(static_cast<std::size_t>(outcome) < kCounters);
  if (outcome != Counter::RxValid) return;
  require(kPorts.contains(claim.source_port));
  require((claim.state == PortState::Open) == (claim.reason == Reason::SynAck));
  require((claim.state == PortState::Closed) == (claim.reason == Reason::Reset));
  require(claim.state == PortState::Unreachable || claim.target.ip == claim.from);
}

// An answer must be ours, and nothing else may change a frame.
void check_arp(std::span<const std::byte> frame) {
  const auto copy = std::make_unique<std::byte[]>(frame.size());
  std::copy(frame.begin(), frame.end(), copy.get());
  const std::span<std::byte> bytes{copy.get(), frame.size()};
  const auto outcome = internal::handle_arp(bytes, kMac, kSource, neighbours());
  if (outcome != internal::ArpOutcome::AnswerWritten) {
    require(std::equal(frame.begin(), frame.end(), bytes.begin()));
    return;
  }
  const auto mac = kMac.bytes();
  for (std::size_t i = 0; i < mac.size(); ++i) {
    require(bytes[6 + i] == std::byte{mac[i]} && bytes[22 + i] == std::byte{mac[i]});
    require(bytes[i] == frame[22 + i]);
  }
}

}  // namespace
}  // namespace trawl::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::dataplane;
  const std::span frame{reinterpret_cast<const std::byte*>(data), size};
  check_reply(frame);
  check_arp(frame);
  return 0;
}
