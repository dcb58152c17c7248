#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/simnet/counters.h"
#include "bench/simnet/population.h"
#include "bench/simnet/responder.h"
#include "bench/simnet/stream_frame.h"
#include "bench/simnet/talk_truth.h"
#include "tests/simnet/frames6.h"

// A TCP client for the tests of conversations: by hand, segment by segment, or by itself until it
// has read a whole stream.
namespace trawl::simnet {

using namespace std::chrono_literals;

inline const Ipv4Address kServer{0xc6120164};  // 198.18.1.100

// Everything listens on kServer, and every open port talks as `talk` says.
inline PopulationOptions talk_options(std::string_view talk) {
  PopulationOptions options;
  options.live = 1;
  options.open_default = 1;
  options.open = {{1, 65535, 1}};
  options.unreachable = 0;
  options.silent = {kScanner};
  if (!set_talk(options.talk, talk)) std::abort();
  return options;
}

struct TalkNetwork {
  explicit TalkNetwork(const PopulationOptions& options)
      : population{Population::make(options).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}

  [[nodiscard]] std::string truth(std::uint16_t port = 80) const {
    const auto bytes = banner(population, population.host(kServer), port);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // What the IPv6 host of this number says.
  [[nodiscard]] std::string truth6(std::uint32_t number, std::uint16_t port = 80) const {
    const auto bytes = banner(population, population.host6(number), port);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return counters.get(counter); }

  Counters counters;
  Population population;
  Responder responder;
};

// A segment from the server.
struct Received {
  TcpSegment segment;
  std::uint16_t window = 0;
  std::uint32_t echo = 0;
  std::string data;
  bool is_sound = false;
  std::uint64_t from_mac = 0;
  std::size_t frame_size = 0;
  [[nodiscard]] bool has(unsigned flags) const { return (segment.flags & flags) == flags; }
};

inline Received read_frame(TestFrame& frame) {
  Received out;
  const bool is_v6 = wire::read16(frame.bytes.data() + wire::kEthernetType) == wire::kTypeIpv6;
  out.is_sound = is_v6 ? is_sound6(frame) : is_sound_reply(frame);
  const std::size_t at = wire::kEthernetSize + (is_v6 ? wire::kIpv6Size : wire::kIpSize);
  const std::byte* const tcp = frame.bytes.data() + at;
  const std::size_t size = frame.length - at;
  const auto segment = parse_tcp({tcp, size});
  if (!segment) return out;
  out.segment = *segment;
  out.window = segment->window;
  const std::size_t header = (std::size_t{wire::read8(tcp + 12)} >> 4U) * 4;
  if (segment->timestamp) out.echo = wire::read32(tcp + 28);
  out.data.assign(reinterpret_cast<const char*>(tcp + header), size - header);
  out.from_mac = wire::read_mac(frame.bytes.data() + wire::kEthernetSource);
  out.frame_size = frame.length;
  return out;
}

class TcpClient {
 public:
  explicit TcpClient(TalkNetwork& net, std::uint16_t port = 80, bool has_timestamps = false)
      : net_{net}, port_{port}, has_timestamps_{has_timestamps} {}

  // Sends a segment, and gives back what the server sends at once.
  std::vector<Received> send(std::uint8_t flags, std::string_view data = {}) {
    return send_at(seq, flags, data);
  }
  std::vector<Received> send_at(std::uint32_t at, std::uint8_t flags, std::string_view data = {}) {
    TcpFields fields{
        .from_port = from_port, .to_port = port_, .seq = at, .ack = ack, .flags = flags};
    if ((flags & wire::kSyn) != 0) {
      fields.options = {2, 4, static_cast<std::uint8_t>(mss >> 8U),
                        static_cast<std::uint8_t>(mss & 0xffU)};
    }
    if (has_timestamps_) {
      std::vector<std::uint8_t> stamp{1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0};
      for (unsigned i = 0; i < 4; ++i) {
        stamp[4 + i] = static_cast<std::uint8_t>(timestamp >> (24 - 8 * i));
      }
      fields.options.insert(fields.options.end(), stamp.begin(), stamp.end());
    }
    fields.data_size = data.size();
    TestFrame frame = tcp_frame({.to = kServer}, fields);
    wire::write16(frame.l4() + wire::kTcpWindow, window);
    if (!data.empty()) {
      std::memcpy(frame.bytes.data() + frame.length - data.size(), data.data(), data.size());
    }
    seal_tcp(frame);
    if (server6) frame = over_ipv6(frame, *server6, eth_to);
    std::vector<Received> out;
    const Answer answer = net_.responder.answer(frame.buffer(), frame.length, now);
    if (answer.action == Action::Reply) {
      frame.length = answer.length;
      out.push_back(read_frame(frame));
    }
    return out;
  }
  // What the server sends by itself until `delay` later.
  std::vector<Received> wait(std::chrono::milliseconds delay) {
    std::vector<Received> out;
    for (const auto end = now + delay; now < end;) {
      now += 1ms;
      TestFrame frame;
      while (const auto answer = net_.responder.emit(frame.buffer(), now)) {
        if (answer->action != Action::Reply) continue;
        frame.length = answer->length;
        out.push_back(read_frame(frame));
      }
    }
    return out;
  }
  // Three-way handshake; what comes at once after it.
  std::vector<Received> connect(std::string_view data = {}) {
    const auto got = send(wire::kSyn);
    if (got.size() != 1 || !got[0].has(wire::kSyn | wire::kAck)) return {};
    ++seq;
    ack = got[0].segment.seq + 1;
    const auto after = send(wire::kAck, data);
    seq += static_cast<std::uint32_t>(data.size());
    return after;
  }
  // As a patient client: sends `request`, and what is not acknowledged again, until nothing new
  // comes for ten seconds. Returns all that the server said.
  std::string converse(std::string_view request);

  std::optional<Ipv6Address> server6;  // Instead of kServer.
  std::uint64_t eth_to = kRouterMac;   // Over IPv6.
  std::uint16_t from_port = 40000;
  std::uint16_t mss = 1460;
  std::uint16_t window = 64240;
  std::uint32_t seq = 0x01020304;
  std::uint32_t ack = 0;
  std::uint32_t timestamp = 1000;
  std::chrono::nanoseconds now = 1s;
  bool fin_came = false;
  bool is_sound = true;
  std::size_t largest = 0;  // Of the data of a segment.

 private:
  void take(const std::vector<Received>& segments, std::string& said);

  TalkNetwork& net_;
  std::uint16_t port_;
  bool has_timestamps_;
  bool is_open_ = false;
  std::uint32_t isn_ = 0;
  std::uint32_t taken_ = 0;  // Of our sequence space.
};

inline void TcpClient::take(const std::vector<Received>& segments, std::string& said) {
  for (const Received& got : segments) {
    is_sound = is_sound && got.is_sound;
    largest = std::max(largest, got.data.size());
    if (got.has(wire::kAck)) taken_ = got.segment.ack;
    if (got.has(wire::kSyn)) {
      if (!is_open_) ack = got.segment.seq + 1;
      is_open_ = true;
      continue;
    }
    if (!is_open_ || fin_came || got.segment.length == 0) continue;
    const std::uint32_t behind = ack - got.segment.seq;
    if (behind > got.data.size()) continue;  // Early, or wholly old.
    const std::string fresh = got.data.substr(behind);
    said += fresh;
    ack += static_cast<std::uint32_t>(fresh.size());
    if (got.has(wire::kFin)) {
      ++ack;
      fin_came = true;
    }
  }
}

inline std::string TcpClient::converse(std::string_view request) {
  std::string said;
  isn_ = seq;
  const std::uint32_t data_at = isn_ + 1;
  const std::uint32_t data_end = data_at + static_cast<std::uint32_t>(request.size());
  auto quiet_since = now;
  auto retry_at = now;
  std::uint32_t told = ack;
  while (now - quiet_since < 10s) {
    const std::uint32_t before = ack;
    if (!is_open_ && now >= retry_at) {
      retry_at = now + 500ms;
      take(send_at(isn_, wire::kSyn), said);
      if (is_open_) retry_at = now;
    }
    const bool asks = is_open_ && taken_ != data_end && now >= retry_at;
    if (asks || (is_open_ && ack != told)) {
      told = ack;
      if (asks) retry_at = now + 500ms;
      take(send_at(asks ? data_at : data_end, wire::kAck, asks ? request : ""), said);
    }
    const auto came = wait(1ms);
    const bool is_repeated = std::any_of(came.begin(), came.end(),
                                         [](const Received& r) { return r.segment.length > 0; });
    take(came, said);
    if (is_repeated) told = ack - 1;  // It has not heard.
    if (ack != before) quiet_since = now;
    timestamp += 1;
  }
  return said;
}

}  // namespace trawl::simnet
