// The TCP of the simulated hosts against a model of what a peer may see: whatever segments come, in
// whatever order and at whatever times, the answers are sound, acknowledge only what was sent, and
// never say two different bytes at one place.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <vector>

#include "bench/simnet/responder.h"
#include "tests/simnet/frames6.h"

namespace trawl::simnet {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kMostSteps = 200;
constexpr std::uint16_t kPort = 80;

void require(bool holds) {
  if (!holds) std::abort();
}

// Every open port of the network, one population a kind.
const Population& population(std::size_t kind) {
  static const std::vector<Population> all = [] {
    std::vector<Population> made;
    for (std::size_t i = 0; i < kTalks; ++i) {
      PopulationOptions options;
      options.live = 1;
      options.open = {{1, 65535, 1}};
      options.unreachable = 0;
      options.talk.is_given = true;
      options.talk.limit = 4;
      options.prefix6 = *Ipv6Prefix::parse("2001:db8::/64");
      options.live6 = 1;
      if (static_cast<Talk>(i) == Talk::Middlebox) {
        options.talk.middlebox = 1;
      } else {
        options.talk.shares[i] = 1;
      }
      made.push_back(Population::make(options).value());
    }
    return made;
  }();
  return all[kind % kTalks];
}

// The bytes of one input, zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

// One connection as its peer sees it.
class Peer {
 public:
  Peer(const Population& population, bool is_v6)
      : responder_{Responder::make(population, MacAddress::from_integer(kRouterMac), counters_)
                       .value()},
        host6_{population.ipv6_hosts().addresses()[0]},
        is_v6_{is_v6} {}

  void step(Input& in) {
    const std::uint8_t what = in.byte();
    now_ += std::chrono::milliseconds{std::uint64_t{in.byte()} << (what & 7U)};
    if ((what & 8U) != 0) {
      emit();
      return;
    }
    send(in);
    emit();
  }

 private:
  void send(Input& in) {
    constexpr std::array<std::string_view, 4> kData{"GET / HTTP/1.0\r\n\r\n", "QUIT\r\n",
                                                    "SSH-2.0-\n", "\x16\x03\x01\x01\x01\x01"};
    const std::uint8_t flags = in.byte() & (wire::kFin | wire::kSyn | wire::kRst | wire::kAck | 8U);
    const std::uint8_t where = in.byte();
    const std::uint8_t shape = in.byte();
    TcpFields fields{.to_port = kPort, .flags = flags};
    // Mostly what is due, else a little or far beside it.
    const auto beside = static_cast<std::int8_t>(in.byte());
    fields.seq = seq_ + ((where & 3U) == 0 ? static_cast<std::uint32_t>(beside) : 0U) +
                 ((where & 12U) == 0 ? std::uint32_t{in.byte()} << 24U : 0U);
    fields.ack = ack_ + ((where & 48U) == 0 ? static_cast<std::uint32_t>(beside) : 0U);
    if ((where & 64U) != 0) fields.ack = highest_;
    std::string_view data = kData[shape & 3U];
    if ((shape & 4U) != 0) data = data.substr(0, in.byte() % (data.size() + 1));
    if ((shape & 8U) != 0) data = {};
    if ((flags & wire::kSyn) != 0) {
      data = {};
      if ((shape & 16U) != 0) fields.options = linux_options();
      if ((shape & 32U) != 0) fields.options = {2, 4, 2, in.byte()};
    } else if ((shape & 16U) != 0) {
      fields.options = {1, 1, 8, 10, 0x0a, 0x0b, 0x0c, in.byte(), 0, 0, 0, 0};
    }
    fields.data_size = data.size();
    TestFrame frame = tcp_frame({.to = Ipv4Address{0xc6120164}}, fields);
    std::copy_n(reinterpret_cast<const std::byte*>(data.data()), data.size(),
                frame.bytes.begin() + static_cast<std::ptrdiff_t>(frame.length - data.size()));
    const auto window = static_cast<std::uint16_t>(in.byte() << (shape >> 5U));
    wire::write16(frame.l4() + wire::kTcpWindow, window);
    seal_tcp(frame);
    if (is_v6_) frame = over_ipv6(frame, host6_, kRouterMac);
    const auto control =
        static_cast<std::uint32_t>(((flags & wire::kFin) != 0) + ((flags & wire::kSyn) != 0));
    sent_.push_back({fields.seq, static_cast<std::uint32_t>(data.size()) + control});
    const Answer answer = responder_.answer(frame.buffer(), frame.length, now_);
    if (answer.action != Action::Reply) return;
    frame.length = answer.length;
    take(frame);
  }

  void emit() {
    TestFrame frame;
    for (int i = 0; i < 64; ++i) {
      const auto answer = responder_.emit(frame.buffer(), now_);
      if (!answer) return;
      require(answer->action == Action::Reply);
      frame.length = answer->length;
      take(frame);
    }
  }

  void take(TestFrame& frame) {
    require(frame.length <= frame.bytes.size());
    require(is_v6_ ? is_sound6(frame) : is_sound_reply(frame));
    if (is_v6_) {
      constexpr std::size_t kLonger = wire::kIpv6Size - wire::kIpSize;
      require(get(frame.ip() + wire::kIpv6Source) == host6_ && frame.length <= 1514);
      std::memmove(frame.l4(), frame.l4() + kLonger, frame.length - kIpv6Payload);
      frame.length -= kLonger;
    }
    const std::size_t size = frame.length - wire::kEthernetSize - wire::kIpSize;
    const auto segment = parse_tcp({frame.l4(), size});
    require(segment.has_value());
    require(segment->from_port == kPort && size <= wire::kTcpSize + 12 + 1460);
    if ((segment->flags & wire::kRst) != 0) return;
    require((segment->flags & wire::kAck) != 0 && was_sent(segment->ack));
    if ((segment->flags & wire::kSyn) != 0) {
      said_.clear();  // Nothing was said in this connection yet.
      ack_ = highest_ = segment->seq + 1;
      seq_ = segment->ack;
      return;
    }
    const std::size_t header = (std::size_t{wire::read8(frame.l4() + 12)} >> 4U) * 4;
    for (std::size_t i = header; i < size; ++i) {
      const auto place = static_cast<std::uint32_t>(segment->seq + (i - header));
      const auto [at, is_new] = said_.try_emplace(place, frame.l4()[i]);
      require(is_new || at->second == frame.l4()[i]);
    }
    const std::uint32_t end = segment->seq + segment->length;
    if (static_cast<std::int32_t>(end - highest_) > 0) highest_ = end;
    if (segment->seq == ack_) ack_ = end;
    seq_ = segment->ack;
  }

  struct Range {
    std::uint32_t first;
    std::uint32_t size;
  };
  [[nodiscard]] bool was_sent(std::uint32_t ack) const {
    return std::any_of(sent_.begin(), sent_.end(),
                       [ack](const Range& r) { return ack - r.first <= r.size; });
  }

  Counters counters_;
  Responder responder_;
  Ipv6Address host6_;
  bool is_v6_;
  nanoseconds now_{std::chrono::seconds{1}};
  std::uint32_t seq_ = 0x01020304;
  std::uint32_t ack_ = 0;
  std::uint32_t highest_ = 0;
  std::vector<Range> sent_;
  std::map<std::uint32_t, std::byte> said_;
};

}  // namespace
}  // namespace trawl::simnet

// The first byte chooses the kind of port, and IPv6 from 128 on; then come steps: waits and
// segments.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::simnet;
  Input in{data, size};
  const std::uint8_t kind = in.byte();
  Peer peer{population(kind & 0x7fU), (kind & 0x80U) != 0};
  for (std::size_t i = 0; i < kMostSteps && !in.empty(); ++i) peer.step(in);
  return 0;
}
