#include "service/version/port_talk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "service/version/fingerprint.h"
#include "service/version/scan_trace.h"

namespace trawl::service {
namespace {

// Of a TCP connection; of one and its TLS handshake.
constexpr Wait kConnectTimeout{std::chrono::seconds{5}};
constexpr Wait kTlsTimeout{std::chrono::seconds{8}};

// Never earlier than that.
Wait wait_until(SteadyTime when, SteadyTime now) {
  if (when == SteadyTime::max()) return kForever;
  return std::max(Wait{0}, std::chrono::ceil<Wait>(when - now));
}

InquiryRules rules_of(const VersionSettings& settings) {
  return {.intensity = settings.intensity,
          .all_ports = settings.all_ports,
          .is_strict = settings.is_strict,
          .parallelism = settings.parallelism};
}

}  // namespace

PortTalk::PortTalk(TalkSurroundings& around, ServicePort port, std::uint64_t id)
    : around_{around},
      id_{id},
      inquiry_{*around.file, std::move(port), rules_of(around.settings)} {}

PortTalk::~PortTalk() {
  while (!connections_.empty()) leave(connections_.begin()->first);
  if (timer_ != EventId{}) around_.loop.cancel(timer_, false);
}

void PortTalk::abandon() {
  for (const auto& [attempt, connection] : connections_) {
    if (connection.is_open) around_.loop.abandon(connection.socket);
  }
}

void PortTalk::begin() { inquiry_.begin(std::chrono::steady_clock::now()); }

void PortTalk::matched(std::uint32_t ticket, std::optional<LineMatch> match) {
  inquiry_.matched(std::chrono::steady_clock::now(), ticket, std::move(match));
}

Callback PortTalk::callback(Handler what, std::uint32_t attempt) const {
  return [with = &around_.with, id = id_, what, attempt](const Event& event) {
    (*with)(id, [&](PortTalk& talk) { (talk.*what)(attempt, event); });
  };
}

void PortTalk::open(std::uint32_t attempt) {
  if (!connections_.contains(attempt)) return;
  connect(attempt, grinder_ ? &PortTalk::take_rpc_connect : &PortTalk::take_connect);
}

void PortTalk::connect(std::uint32_t attempt, Handler what) {
  Connection& connection = connections_[attempt];
  SocketSettings settings = around_.settings.sockets;
  settings.tls.server_name = port().host_name;
  connection.socket = around_.loop.new_socket(std::move(settings));
  connection.is_open = true;
  const Endpoint to{.ip = port().host, .port = port().port, .zone = port().zone};
  Callback done = callback(what, attempt);
  if (port().transport == Transport::Udp) {
    around_.loop.connect_udp(connection.socket, to, std::move(done));
  } else if (connection.is_tls) {
    around_.loop.connect_tls(connection.socket, to, kTlsTimeout, std::move(done));
  } else {
    around_.loop.connect_tcp(connection.socket, to, kConnectTimeout, std::move(done));
  }
}

void PortTalk::take_connect(std::uint32_t attempt, const Event& event) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (event.status == EventStatus::Success) {
    inquiry_.connected(now, attempt);
    return;
  }
  const auto found = connections_.find(attempt);
  if (event.error == ECONNRESET && found != connections_.end() && !found->second.is_tls) {
    // It was there, and was reset before we looked.
    inquiry_.connected(now, attempt);
    inquiry_.ended(now, attempt);
    return;
  }
  const bool was_only = connections_.size() == 1;
  inquiry_.not_connected(now, attempt,
                         event.status == EventStatus::Timeout ? "the connection timed out"
                         : event.trouble.empty() ? std::generic_category().message(event.error)
                                                 : std::string{event.trouble});
  if (was_only && around_.trace) around_.trace(abort_line(event.status == EventStatus::Timeout));
}

void PortTalk::take_read(std::uint32_t attempt, const Event& event) {
  const auto found = connections_.find(attempt);
  if (found == connections_.end()) return;
  found->second.is_reading = false;
  const SteadyTime now = std::chrono::steady_clock::now();
  // A read's time is over a bit before now.
  const SteadyTime until = found->second.until;
  const bool is_datagram =
      event.status == EventStatus::Success && port().transport == Transport::Udp;
  if (!event.bytes.empty() || is_datagram) inquiry_.data(now, attempt, event.bytes);
  if (event.status == EventStatus::Timeout) {
    inquiry_.tick(std::max(now, until == SteadyTime::max() ? now : until));
  } else if (event.status != EventStatus::Success) {
    inquiry_.ended(now, attempt);
  }
}

void PortTalk::obey() {
  if (finding_) return;
  for (const InquiryCommand& command : inquiry_.take_commands()) carry_out(command);
  if (inquiry_.is_done()) {
    conclude();
    return;
  }
  promote();
  listen();
  set_timer(std::chrono::steady_clock::now());
}

void PortTalk::ask(std::uint32_t attempt, bool is_beside) {
  using Rank = ConnectionPace::Rank;
  connections_[attempt].is_beside = is_beside;
  const Rank rank = is_beside ? Rank::Beside : has_begun_ ? Rank::Next : Rank::First;
  has_begun_ = true;
  around_.ask(id_, port().host, attempt, rank);
}

void PortTalk::promote() {
  if (std::ranges::any_of(connections_, [](const auto& each) {
        return each.second.is_open && !each.second.is_lingering;
      })) {
    return;
  }
  for (const auto& [attempt, connection] : connections_) {
    if (!connection.is_beside) continue;
    around_.give_back(id_, port().host, attempt);
    ask(attempt, false);
    return;
  }
}

void PortTalk::carry_out(const InquiryCommand& command) {
  switch (command.kind) {
    case InquiryCommand::Kind::Open:
      connections_[command.attempt] = {.is_tls = command.is_tls};
      ask(command.attempt, command.is_extra);
      break;
    case InquiryCommand::Kind::Send: {
      const Probe& probe = around_.file->probes[command.probe];
      if (around_.trace) around_.trace(sending_line(port(), probe));
      const auto found = connections_.find(command.attempt);
      if (found == connections_.end() || probe.is_null()) break;
      // How it ends shows in what is read.
      around_.loop.write(found->second.socket, probe.payload, probe.total_wait,
                         [](const Event&) {});
      break;
    }
    case InquiryCommand::Kind::Close: leave(command.attempt); break;
    case InquiryCommand::Kind::Linger: linger(command.attempt); break;
    case InquiryCommand::Kind::Match: around_.match(id_, command); break;
    case InquiryCommand::Kind::Tell:
      if (around_.trace) around_.trace(match_line(port(), *around_.file, command));
      break;
  }
}

void PortTalk::leave(std::uint32_t attempt) {
  const auto found = connections_.find(attempt);
  if (found == connections_.end()) return;
  const Connection left = found->second;
  if (left.is_open) around_.loop.close(left.socket);
  connections_.erase(found);
  if (left.is_lingering) {
    --around_.lingering;
  } else {
    around_.give_back(id_, port().host, attempt);
  }
}

// Others may have its place meanwhile.
void PortTalk::linger(std::uint32_t attempt) {
  const auto found = connections_.find(attempt);
  if (found == connections_.end()) return;
  if (around_.lingering >= around_.most_lingering) {
    leave(attempt);
    return;
  }
  found->second.is_lingering = true;
  ++around_.lingering;
  around_.give_back(id_, port().host, attempt);
}

void PortTalk::listen() {
  const SteadyTime now = std::chrono::steady_clock::now();
  for (const PortInquiry::Listening& each : inquiry_.listens()) {
    const auto found = connections_.find(each.attempt);
    if (found == connections_.end() || found->second.is_reading) continue;
    found->second.is_reading = true;
    found->second.until = each.until;
    around_.loop.read(found->second.socket, wait_until(each.until, now),
                      callback(&PortTalk::take_read, each.attempt));
  }
}

// Where no read ends as early as the inquiry wants to be woken.
void PortTalk::set_timer(SteadyTime now) {
  SteadyTime when = inquiry_.wakes_at();
  for (const auto& [attempt, connection] : connections_) {
    if (connection.is_reading && connection.until <= when) when = SteadyTime::max();
  }
  if (when >= timer_at_) return;  // It comes early enough.
  if (timer_ != EventId{}) around_.loop.cancel(timer_, false);
  timer_at_ = when;
  timer_ =
      around_.loop.timer(wait_until(when, now), [with = &around_.with, id = id_](const Event&) {
        (*with)(id, [](PortTalk& talk) {
          talk.timer_ = EventId{};
          talk.timer_at_ = SteadyTime::max();
          talk.inquiry_.tick(std::chrono::steady_clock::now());
        });
      });
}

void PortTalk::conclude() {
  finding_ = inquiry_.take_finding();
  finding_->fingerprint = fingerprint();
  if (wants_rpc()) {
    begin_rpc();
  } else {
    is_done_ = true;
  }
}

std::string PortTalk::fingerprint() const {
  if (inquiry_.responses().empty()) return {};
  Fingerprint text{{.port = port().port,
                    .transport = port().transport,
                    .is_tls = inquiry_.is_tls(),
                    .intensity = around_.settings.intensity,
                    .version = around_.settings.program_version,
                    .when = std::chrono::system_clock::now()}};
  for (const PortInquiry::Response& response : inquiry_.responses()) {
    text.add(around_.file->probes[response.probe].name, response.bytes);
  }
  return text.text();
}

bool PortTalk::is_done() const noexcept { return is_done_; }

ServiceFinding PortTalk::take_finding() { return std::move(*finding_); }

}  // namespace trawl::service
