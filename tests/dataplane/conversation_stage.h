#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/conversation/conversation_engine.h"
#include "dataplane/conversation/conversation_stamp.h"
#include "dataplane/probe_stamp.h"
#include "dataplane/wire.h"

// A conversation engine with a clock of its own, and peers that talk to it: of a peer nothing is
// taken from the code under test but what it is sent.
namespace trawl::dataplane {

inline constexpr ScanKey kStageKey{3, 1, 4, 1, 5};
inline constexpr PortRange kStagePorts{.first = 61000, .last = 64999};
inline constexpr ProbeKind kSecondKind{0x81};

[[nodiscard]] inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

// What a banner said, copied.
struct Told {
  IpAddress ip;
  std::uint16_t port = 0;
  PortClass port_class = PortClass::Unknown;
  BannerEnd end = BannerEnd::Idle;
  unsigned payload = 0;
  unsigned question = 0;
  unsigned attempt = 0;
  Ticks arrival = 0;
  std::string text;
};

template <typename Address>
class BasicStage {
 public:
  using Segment = BasicSegment<Address>;
  using Outgoing = BasicOutgoing<Address>;

  explicit BasicStage(ConversationPlan plan, BasicSourceAddresses<Address> sources)
      : sources_{std::move(sources)} {
    auto made = BasicConversationEngine<Address>::make(
        std::make_shared<const ConversationPlan>(std::move(plan)), cookies(ProbeKind::TcpSyn),
        TscClock::with_rate(1e6), counters_);
    if (!made) std::abort();
    engine_ = std::move(*made);
  }

  [[nodiscard]] BasicCookieMaker<Address> cookies(ProbeKind kind) const {
    return {kStageKey, sources_, kStagePorts, kind};
  }
  [[nodiscard]] Cookie cookie(BasicTarget<Address> target, ProbeKind kind) const {
    Cookie cookie{};
    cookies(kind).make({&target, 1}, {&cookie, 1});
    return cookie;
  }

  // Microseconds.
  Ticks now = 10'000'000;

  std::vector<Outgoing> receive(const Segment& segment) {
    engine_->receive(now, {&segment, 1}, outbox_);
    return taken();
  }
  std::vector<Outgoing> receive(std::span<const Segment> segments) {
    engine_->receive(now, segments, outbox_);
    return taken();
  }
  // Lets time pass, a millisecond at a time.
  std::vector<Outgoing> pass(std::chrono::milliseconds time) {
    std::vector<Outgoing> all;
    for (auto i = time.count(); i > 0; --i) {
      now += 1000;
      engine_->tick(now, outbox_);
      for (const Outgoing& frame : taken()) all.push_back(frame);
    }
    return all;
  }
  // The same at once.
  std::vector<Outgoing> skip(std::chrono::milliseconds time) {
    now += static_cast<Ticks>(time.count()) * 1000;
    engine_->tick(now, outbox_);
    return taken();
  }
  std::vector<Told> banners() {
    std::vector<Told> all;
    Banner* banner = nullptr;
    while (engine_->slabs().take({&banner, 1}) == 1) {
      const auto bytes = banner->bytes();
      all.push_back({banner->ip, banner->port, banner->port_class, banner->end, banner->payload,
                     banner->question, banner->attempt, banner->arrival,
                     std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
      if (gives_back) engine_->slabs().give_back({&banner, 1});
    }
    return all;
  }
  bool gives_back = true;
  [[nodiscard]] std::uint64_t count(Counter counter) const {
    CounterValues sums{};
    counters_.add_to(sums);
    return sums[static_cast<std::size_t>(counter)];
  }
  [[nodiscard]] BasicConversationEngine<Address>& engine() { return *engine_; }
  [[nodiscard]] const BasicSourceAddresses<Address>& sources() const { return sources_; }

 private:
  std::vector<Outgoing> taken() {
    const auto frames = outbox_.frames();
    std::vector<Outgoing> all{frames.begin(), frames.end()};
    outbox_.clear();
    return all;
  }

  BasicSourceAddresses<Address> sources_;
  CoreCounters counters_;
  std::unique_ptr<BasicConversationEngine<Address>> engine_;
  BasicOutbox<Address> outbox_;
};

// One end of a connection, told what the other one sends.
template <typename Address>
class BasicPeer {
 public:
  using Segment = BasicSegment<Address>;

  std::uint32_t first = 0x70000001;  // Sequence number of its first byte.
  bool has_stamps = true;
  std::uint16_t window = 64000;
  unsigned attempt = 1;

  BasicPeer(const BasicStage<Address>& stage, BasicTarget<Address> target,
            ProbeKind kind = ProbeKind::TcpSyn)
      : target_{target}, source_{stage.sources().first()}, cookie_{stage.cookie(target, kind)} {
    heard_stamp_ = ProbeStamp::encode(stage.now - 20'000, attempt);
  }

  [[nodiscard]] std::uint32_t own() const { return cookie_.sequence + 1; }
  [[nodiscard]] std::uint16_t port() const { return cookie_.source_port; }
  void set_stamp(std::uint32_t stamp) { heard_stamp_ = stamp; }

  // Takes note of the segment's timestamp, as RFC 7323 section 4.3 asks.
  void hear(const BasicOutgoing<Address>& outgoing) {
    if (outgoing.has_stamps) heard_stamp_ = outgoing.stamp;
  }
  [[nodiscard]] Segment syn_ack() const {
    Segment segment = plain(wire::kSyn | wire::kAck);
    segment.sequence = first - 1;
    segment.scales = true;
    return segment;
  }
  // Acknowledges `taken` bytes of ours.
  [[nodiscard]] Segment ack(std::uint32_t taken) const {
    Segment segment = plain(wire::kAck);
    segment.ack = own() + taken;
    return segment;
  }
  // `text` must outlive the segment.
  [[nodiscard]] Segment say(std::uint32_t offset, std::string_view text, std::uint32_t taken = 0,
                            unsigned flags = 0) const {
    Segment segment = ack(taken);
    segment.sequence = first + offset;
    segment.flags = static_cast<std::uint8_t>(wire::kAck | flags);
    segment.data = std::as_bytes(std::span{text});
    return segment;
  }
  [[nodiscard]] Segment reset(std::uint32_t offset, std::uint32_t taken, bool has_ack) const {
    Segment segment = ack(taken);
    segment.sequence = first + offset;
    segment.flags = static_cast<std::uint8_t>(wire::kRst | (has_ack ? wire::kAck : 0U));
    segment.has_stamps = false;
    if (!has_ack) segment.ack = 0;
    return segment;
  }

 private:
  [[nodiscard]] Segment plain(unsigned flags) const {
    Segment segment;
    segment.target = target_;
    segment.source = source_;
    segment.source_port = cookie_.source_port;
    segment.window = window;
    segment.sequence = first;
    segment.ack = own();
    segment.flags = static_cast<std::uint8_t>(flags);
    segment.has_stamps = has_stamps;
    if (has_stamps) {
      segment.stamp = 0x5000;
      segment.echo = heard_stamp_;
    }
    return segment;
  }

  BasicTarget<Address> target_;
  Address source_;
  Cookie cookie_;
  std::uint32_t heard_stamp_ = 0;
};

using Stage = BasicStage<Ipv4Address>;
using Peer = BasicPeer<Ipv4Address>;

}  // namespace trawl::dataplane
