#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

#include "bench/simnet/responder.h"
#include "osfp/active/analysis.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {

// One round of OS detection against a simulated host, in simulated time.
class OsScan {
 public:
  static constexpr std::uint16_t kOpenPort = 80;
  static constexpr std::uint16_t kClosedPort = 81;

  OsScan(Responder& responder, Ipv4Address host, std::chrono::nanoseconds start) noexcept
      : responder_{&responder}, now_{start} {
    round_.series = {.source = kScanner,
                     .destination = host,
                     .open_port = kOpenPort,
                     .closed_port = kClosedPort,
                     .udp_port = 40125,
                     .source_port = 50000,
                     .udp_source_port = 51000,
                     .sequence = 0x51a2b3c4,
                     .ack = 0x7d8e9fa0,
                     .echo_id = 0x1234};
    round_.knows_closed_port = true;
  }

  // SEQ probes 100 ms apart, the others 25 ms.
  [[nodiscard]] osfp::Analysis run() {
    for (std::size_t i = 0; i < osfp::kProbes; ++i) {
      const osfp::Probe probe = osfp::probe_at(i);
      send(probe);
      now_ += std::chrono::milliseconds{osfp::is_seq(probe) ? 100 : 25};
    }
    return osfp::analyse(round_);
  }
  [[nodiscard]] const osfp::Round& round() const noexcept { return round_; }

 private:
  void send(osfp::Probe probe) {
    constexpr std::uint8_t kTtl = 52;
    TestFrame frame;
    wire::write_mac(frame.bytes.data(), kRouterMac);
    wire::write_mac(frame.bytes.data() + 6, kScannerMac);
    wire::write16(frame.bytes.data() + 12, wire::kTypeIpv4);
    frame.length =
        wire::kEthernetSize + osfp::write_probe(probe, round_.series, {.id = 7, .ttl = kTtl},
                                                frame.buffer().subspan(wire::kEthernetSize));
    osfp::Exchange& exchange = round_.at(probe);
    exchange.was_sent = true;
    exchange.tries = 1;
    exchange.sent_at = now_;
    exchange.sent_ttl = kTtl;
    const Answer answer = responder_->answer(frame.buffer(), frame.length, now_);
    if (answer.action != Action::Reply) return;
    const auto packet = std::span<const std::byte>{frame.bytes}.first(answer.length);
    const auto matched = osfp::match_response(round_.series, packet.subspan(wire::kEthernetSize));
    if (matched && matched->probe == probe) exchange.response = matched->response;
  }

  Responder* responder_;
  std::chrono::nanoseconds now_;
  osfp::Round round_;
};

}  // namespace trawl::simnet
