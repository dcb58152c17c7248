#include "control/audit/engine/idle_stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using namespace dataplane::wire;
using dataplane::TcpSegment;

constexpr unsigned kNeighbourQuestions = 3;
constexpr Moment kNeighbourPatience{500'000};
constexpr Moment kRetry{1000};          // Until a full socket is tried again.
constexpr Moment kUnknownLag{150'000};  // Of a target that was never heard of.
constexpr std::uint32_t kQuestions = 1U << 24U;
constexpr std::uint16_t kFirstOwnPort = 61'000;
constexpr std::uint16_t kFirstCopiesPort = 49'152;

}  // namespace

IdleStage::IdleStage(ZombieHost zombie, const ProbeStyle& style, Moment scan_delay, GroupPace& pace,
                     dataplane::RawNetwork& network)
    : zombie_{std::move(zombie)},
      style_{style},
      scan_delay_{scan_delay},
      pace_{pace},
      network_{network},
      own_port_{
          style.source_port.value_or(static_cast<std::uint16_t>(kFirstOwnPort + random_() % 4000))},
      copies_port_{static_cast<std::uint16_t>(kFirstCopiesPort + random_() % 10'000)} {
  begin_numbers();
}

// Copy 0 is the port that is asked; the others are some that nobody listens at.
std::uint16_t IdleStage::port_of(std::uint8_t copy) const noexcept {
  if (copy == 0) return zombie_.port;
  const auto port = static_cast<std::uint16_t>(copies_port_ + copy);
  return port == zombie_.port ? copies_port_ : port;
}

void IdleStage::leave(std::uint64_t host) {
  std::erase_if(waiting_, [host](const Host& each) { return each.id == host; });
  if (!host_ || host_->id != host) return;
  host_.reset();
  scan_.reset();
}

std::size_t IdleStage::ports_left(const ProbeSet& probes, std::uint64_t host) const noexcept {
  return scan_ && host_ && host_->id == host ? scan_->ports_left() : probes.size();
}

Moment IdleStage::wake() const noexcept {
  return failure_.empty() && (host_ || !waiting_.empty()) ? wake_ : Moment::max();
}

void IdleStage::turn(Moment now) {
  if (!failure_.empty() || (!host_ && waiting_.empty())) return;
  wake_ = now;
  if (!reach_zombie(now)) return;
  if (!numbers_) check_zombie(now);
  if (!numbers_ || !failure_.empty()) return;
  if (!host_) begin_next(now);
  if (host_) scan(now);
}

// Whether frames can be sent to it by now.
bool IdleStage::reach_zombie(Moment now) {
  if (!way_) {
    auto way = network_.way_to(zombie_.ip);
    if (!way) {
      failure_ = fmt::format("Idle scan zombie {} ({}) cannot be used: {}", zombie_.name,
                             zombie_.ip.to_string(), way.error().message);
      return false;
    }
    way_ = *way;
    next_send_ = now;
  }
  if (!way_->asks_neighbour || way_->next_hop) return true;
  wake_ = next_send_;
  if (now < next_send_) return false;
  if (neighbour_questions_++ == kNeighbourQuestions) {
    failure_ = fmt::format(
        "Idle scan zombie {} ({}) port {} cannot be used because it has not returned any of our "
        "probes -- perhaps it is down or firewalled.",
        zombie_.name, zombie_.ip.to_string(), zombie_.port);
    return false;
  }
  if (dataplane::RawNetwork::has_room(*way_)) network_.ask_neighbour(*way_, zombie_.ip);
  wake_ = next_send_ = now + kNeighbourPatience;
  return false;
}

void IdleStage::take(const dataplane::NeighbourAnswer& answer) {
  if (!way_ || way_->next_hop || !way_->asks_neighbour || answer.ip != zombie_.ip) return;
  way_->next_hop = answer.mac;
  next_send_ = Moment{0};
}

void IdleStage::check_zombie(Moment now) {
  if (!check_) check_.emplace();
  while (may_send(*way_, now)) {
    const auto question = check_->next(now);
    if (!question) break;
    send({.kind = IdleAction::Kind::Ask, .number = *question}, now);
  }
  wake_ = std::max(check_->wake(), next_send_);
  if (!may_send(*way_, now)) wake_ = std::max({wake_, pace_.next_send(), now + kRetry});
  if (!check_->is_done()) return;
  const IpIdClass found = check_->found();
  const std::string about = fmt::format("Idle scan zombie {} ({}) port {} cannot be used because",
                                        zombie_.name, zombie_.ip.to_string(), zombie_.port);
  if (check_->answers() == 0) {
    failure_ = fmt::format(
        "{} it has not returned any of our probes -- perhaps it is down or firewalled.", about);
  } else if (!is_countable(found)) {
    failure_ =
        fmt::format("{} IP ID sequence class is: {}.  Try another proxy.", about, name_of(found));
  } else {
    numbers_ = found;
    rtt_ = check_->rtt();
    note_ = fmt::format("Idle scan using zombie {} ({}:{}); Class: {}", zombie_.name,
                        zombie_.ip.to_string(), zombie_.port, name_of(found));
  }
  check_.reset();
}

void IdleStage::begin_next(Moment now) {
  while (!waiting_.empty() && !host_) {
    host_ = std::move(waiting_.front());
    waiting_.pop_front();
    if (host_->ip != zombie_.ip) break;
    ends_.push_back({host_->id, fmt::format("Skipping Idle Scan against {} -- it is the zombie.",
                                            host_->ip.to_string())});
    host_.reset();
  }
  if (!host_) return;
  host_->began = now;
  begin_numbers();
  const Moment lag = host_->lag > Moment{0} ? host_->lag : rtt_.timeout() + kUnknownLag;
  scan_.emplace(IdleScan::Settings{.numbers = *numbers_,
                                   .zombie = rtt_,
                                   .wait = lag,
                                   .ports = host_->probes->size(),
                                   .seed = random_()});
}

bool IdleStage::may_send(const dataplane::Way& way, Moment now) const noexcept {
  return now >= next_send_ && !pace_.is_held_by_rate(now) && dataplane::RawNetwork::has_room(way);
}

void IdleStage::scan(Moment now) {
  for (;;) {
    if (!may_send(host_->way, now) || !may_send(*way_, now)) {
      wake_ = std::max({next_send_, pace_.next_send(), now + kRetry});
      break;
    }
    const auto action = scan_->next(now);
    if (!action) {
      wake_ = scan_->wake();
      break;
    }
    send(*action, now);
  }
  take_results();
  if (scan_->is_done()) end_scan();
}

void IdleStage::take_results() {
  for (const IdleScan::Verdict& verdict : scan_->take_verdicts()) {
    verdicts_.push_back({.host = host_->id, .probe = verdict.port, .is_open = verdict.is_open});
  }
}

void IdleStage::end_scan() {
  const IdleScan::Failure failure = scan_->failure();
  const std::string target = host_->ip.to_string();
  std::string trouble;
  if (failure == IdleScan::Failure::NoSpoofing) {
    trouble = fmt::format(
        "Even though your Zombie ({}; {}) appears to be vulnerable to IP ID sequence prediction "
        "(class: {}), our attempts have failed.  This generally means that either the Zombie uses "
        "a separate IP ID base for each host (like Solaris), or because you cannot spoof IP "
        "packets (perhaps your ISP has enabled egress filtering to prevent IP spoofing), or maybe "
        "the target network recognizes the packet source as bogus and drops them",
        zombie_.name, zombie_.ip.to_string(), name_of(*numbers_));
    // The first host tells; later ones may be another matter.
    if (!was_any_scanned_) failure_ = trouble;
  } else if (failure == IdleScan::Failure::Silent) {
    trouble = fmt::format(
        "Idle scan of {} ended early: zombie {} does not answer any more; {} ports are unknown.",
        target, zombie_.ip.to_string(), scan_->ports_left());
  } else if (failure == IdleScan::Failure::Busy) {
    trouble = fmt::format(
        "Idle scan of {} ended early: zombie {} is not idle, it sends about {:.0f} other packets a "
        "second; {} ports are unknown.",
        target, zombie_.ip.to_string(), scan_->evidence().others_in(Moment{1'000'000}),
        scan_->ports_left());
  }
  was_any_scanned_ = true;
  rtt_ = scan_->zombie_rtt();
  ends_.push_back({host_->id, std::move(trouble)});
  host_.reset();
  scan_.reset();
  wake_ = Moment{0};
}

void IdleStage::send(const IdleAction& action, Moment now) {
  const auto number = static_cast<std::uint32_t>(random_());
  switch (action.kind) {
    case IdleAction::Kind::Ask:
      // A reset repeats the acknowledgement (RFC 9293 section 3.10.7.1).
      send_tcp(*way_, way_->source, zombie_.ip,
               {.source_port = own_port_,
                .destination_port = zombie_.port,
                .sequence = number,
                .ack = first_number_ + action.number,
                .flags = kSyn | kAck,
                .has_mss = true,
                .data = {}},
               now);
      return;
    case IdleAction::Kind::Answer:
      send_tcp(*way_, host_->ip, zombie_.ip,
               {.source_port = own_port_,
                .destination_port = port_of(action.copy),
                .sequence = number,
                .ack = static_cast<std::uint32_t>(random_()),
                .flags = kSyn | kAck,
                .has_mss = true,
                .data = {}},
               now);
      return;
    case IdleAction::Kind::Syn:
      send_tcp(host_->way, zombie_.ip, host_->ip,
               {.source_port = port_of(action.copy),
                .destination_port = host_->probes->specs()[action.number].number,
                .sequence = number,
                .flags = kSyn,
                .has_mss = true,
                .data = {}},
               now);
      return;
  }
}

void IdleStage::send_tcp(const dataplane::Way& way, const IpAddress& from, const IpAddress& to,
                         const TcpSegment& segment, Moment now) {
  dataplane::PacketSpec packet;
  packet.source = from;
  packet.destination = to;
  packet.ttl = style_.ttl.value_or(static_cast<std::uint8_t>(37 + random_() % 23));
  packet.id = static_cast<std::uint16_t>(1 + random_() % 65535);
  packet.bad_checksum = style_.bad_checksum;
  packet.options = style_.ip_options;
  packet.what = segment;
  (void)network_.send(way, packet);
  pace_.sent(now);
  pace_.landed();
  if (scan_delay_ > Moment{0}) next_send_ = now + scan_delay_;
}

bool IdleStage::take(const dataplane::Dissection& reply, Moment now) {
  const dataplane::PacketFacts& packet = reply.packet;
  if (reply.quoted || !way_ || packet.source != zombie_.ip || packet.protocol != kProtocolTcp ||
      (packet.flags & kRst) == 0 || packet.destination != way_->source ||
      packet.source_port != zombie_.port || packet.destination_port != own_port_) {
    return false;
  }
  const std::uint32_t question = packet.sequence - first_number_;
  if (question >= kQuestions) return false;
  if (check_) {
    check_->answered(question, packet.id, now);
  } else if (scan_) {
    scan_->answered(question, packet.id, now);
  }
  wake_ = now;
  return true;
}

}  // namespace trawl::control
