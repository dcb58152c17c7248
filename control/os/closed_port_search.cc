#include "control/os/closed_port_search.h"

#include <algorithm>
#include <array>
#include <variant>

#include "base/hash.h"
#include "osfp/active/host_probing.h"

namespace trawl::control {

using osfp::Moment;
using osfp::Probe;

std::uint32_t ClosedPortSearch::random() noexcept {
  random_ = mix64(random_);
  return static_cast<std::uint32_t>(random_ >> 32U);
}

// One that hardly anything uses.
std::uint16_t ClosedPortSearch::draw_port() noexcept {
  constexpr std::uint32_t kFirst = 30'000;
  constexpr std::uint32_t kSpan = 10'000;
  return static_cast<std::uint16_t>(kFirst + random() % kSpan);
}

void ClosedPortSearch::begin(Ipv4Address source, Ipv4Address host, Moment now) {
  Host& asked = hosts_[host.value()];
  asked.series = {.source = source,
                  .destination = host,
                  .open_port = draw_port(),
                  .source_port = settings_.source_port,
                  .sequence = random(),
                  .ack = 1};
  asked.tries = 0;
  send(asked, now);
}

void ClosedPortSearch::send(Host& host, Moment now) {
  std::array<std::byte, osfp::kMostProbeSize> packet;
  const std::size_t size = osfp::write_probe(Probe::Seq1, host.series,
                                             {.id = static_cast<std::uint16_t>(random())}, packet);
  if (host.tries++ == 0) host.first_sent = now;
  host.sent_at = now;
  queue_.push_back({.due = now + settings_.wait, .host = host.series.destination.value()});
  settings_.send({packet.data(), size});
}

std::optional<ClosedPortSearch::Answer> ClosedPortSearch::receive(std::span<const std::byte> packet,
                                                                  Moment at) {
  const auto sender = osfp::Ipv4Family::sender_of(packet);
  if (!sender) return std::nullopt;
  const auto found = hosts_.find(sender->value());
  if (found == hosts_.end()) return std::nullopt;
  Host& host = found->second;
  const auto match = osfp::match_response(host.series, packet);
  if (!match || match->probe != Probe::Seq1) return std::nullopt;
  const auto* const segment = std::get_if<osfp::TcpResponse>(&match->response);
  if (segment == nullptr) return std::nullopt;
  constexpr std::uint8_t kReset = 0x04;
  const bool is_closed = (segment->flags & kReset) != 0;
  if (!is_closed && !segment->is_syn_ack()) return std::nullopt;
  if (!is_closed && host.tries < settings_.tries) {
    host.series.open_port = draw_port();
    send(host, at);
    return std::nullopt;
  }
  // Nobody knows which of several is answered: never less than it takes.
  const Answer answer{.host = *sender,
                      .port = *host.series.open_port,
                      .is_closed = is_closed,
                      .round_trip = std::max(at - host.first_sent, Moment{0})};
  hosts_.erase(found);
  return answer;
}

std::vector<ClosedPortSearch::Answer> ClosedPortSearch::turn(Moment now) {
  std::vector<Answer> silent;
  while (!queue_.empty() && queue_.front().due <= now) {
    const Entry entry = queue_.front();
    queue_.pop_front();
    const auto found = hosts_.find(entry.host);
    if (found == hosts_.end() || found->second.sent_at + settings_.wait != entry.due) continue;
    Host& host = found->second;
    if (host.tries < settings_.tries) {
      send(host, now);
      continue;
    }
    silent.push_back({.host = host.series.destination, .port = *host.series.open_port});
    hosts_.erase(found);
  }
  return silent;
}

}  // namespace trawl::control
