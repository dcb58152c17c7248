#pragma once

#include <chrono>

#include "base/verdict.h"

namespace trawl::control {

// An open port, answered at 2026-01-02T03:04:05.123456Z.
inline Verdict open_verdict() {
  using namespace std::chrono;
  return Verdict{.time = sys_days{year{2026} / 1 / 2} + hours{3} + minutes{4} + seconds{5} +
                         microseconds{123456},
                 .ip = Ipv4Address{0xc6120005U},
                 .port = 443,
                 .state = PortState::Open,
                 .reason = Reason::SynAck,
                 .ttl = 57,
                 .rtt_us = 8123,
                 .attempt = 1,
                 .from = Ipv4Address{0xc6120005U},
                 .to = Ipv4Address{0xc6120001U},
                 .to_port = 61005};
}

inline Verdict closed_verdict() {
  Verdict verdict = open_verdict();
  verdict.state = PortState::Closed;
  verdict.reason = Reason::Reset;
  return verdict;
}

// An ICMP error from a router on the way.
inline Verdict unreachable_verdict() {
  Verdict verdict = open_verdict();
  verdict.state = PortState::Unreachable;
  verdict.reason = Reason::HostUnreachable;
  verdict.rtt_us.reset();
  verdict.from = Ipv4Address{0xc61200feU};
  return verdict;
}

// A UDP payload answered in its own form.
inline Verdict udp_verdict() {
  Verdict verdict = open_verdict();
  verdict.protocol = Protocol::Udp;
  verdict.reason = Reason::UdpResponse;
  return verdict;
}

// An ACK answered, which says nothing of open or closed.
inline Verdict unfiltered_verdict() {
  Verdict verdict = closed_verdict();
  verdict.state = PortState::Unfiltered;
  return verdict;
}

// An ICMP request answered: of an address and not of a port.
inline Verdict up_verdict() {
  Verdict verdict = open_verdict();
  verdict.port = verdict.to_port = 0;
  verdict.protocol = Protocol::Icmp;
  verdict.state = PortState::Up;
  verdict.reason = Reason::EchoReply;
  return verdict;
}

}  // namespace trawl::control
