#include "control/pipeline/fed_worker.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "control/pipeline/finding_fact.h"

namespace trawl::control {
namespace {

constexpr std::size_t kMostReads = 64;  // As many as a turn of the loop ends.

}  // namespace

Result<std::shared_ptr<PortRings>> PortRings::open(std::size_t ports, std::size_t facts) {
  auto asked = service::PacketSource::open({.packets = ports, .most_bytes = 1});
  if (!asked) return Failure{asked.error()};
  return std::shared_ptr<PortRings>{
      new PortRings{.asked = std::move(*asked), .answered = SpscRing<PortAnswer>{facts}}};
}

service::SeenPacket port_packet(const OpenPort& port, std::byte& protocol) noexcept {
  protocol = static_cast<std::byte>(port.protocol == Protocol::Udp ? IPPROTO_UDP : IPPROTO_TCP);
  return {.details = {.wire_length = 1, .tag = port.index},
          .from = {.ip = port.ip, .port = port.port},
          .bytes = {&protocol, 1}};
}

OpenPort port_of(const service::Event& event) noexcept {
  const bool is_udp =
      !event.bytes.empty() && static_cast<unsigned char>(event.bytes.front()) == IPPROTO_UDP;
  return {.ip = event.from.ip,
          .index = event.packet.tag,
          .port = event.from.port,
          .protocol = is_udp ? Protocol::Udp : Protocol::Tcp};
}

std::unique_ptr<ServiceWorker> FedWorker::make(service::Loop& loop, const Hooks& hooks,
                                               const MakeInner& make,
                                               std::shared_ptr<PortRings> rings,
                                               std::shared_ptr<const SocketGuard> guard,
                                               std::size_t most) {
  std::unique_ptr<FedWorker> made{new FedWorker{loop, std::move(rings), std::move(guard), most}};
  made->ports_ = loop.new_socket();
  if (auto opened = loop.open_packets(made->ports_, made->rings_->asked); !opened) {
    hooks.warn(fmt::format("no port can be asked: {}", opened.error().message));
    made->most_ = 0;
  }
  Hooks own = hooks;
  own.done = [worker = made.get()](const service::ServicePort& port,
                                   service::ServiceFinding&& finding) {
    worker->done(port, std::move(finding));
  };
  auto inner = make(loop, std::move(own));
  if (inner) {
    made->inner_ = std::move(*inner);
  } else {
    made->failure_ = inner.error().message;
    hooks.warn(fmt::format("version detection is not possible: {}", made->failure_));
  }
  return made;
}

FedWorker::~FedWorker() { loop_.close(ports_); }

// An answer may come while its port is given to whoever asks. With each read a port comes at most,
// so reads, ports and answers together never need more room than there is.
void FedWorker::turn() {
  if (inner_) inner_->turn();
  if (guard_->generation() != generation_) drop_blocked();
  const std::size_t room = rings_->answered.capacity() - rings_->answered.size();
  const std::size_t most = std::min(most_, room);
  for (; reads_ < kMostReads && asking_.size() + reads_ < most; ++reads_) {
    (void)loop_.read_packet(ports_, service::kForever,
                            [this](const service::Event& event) { take(event); });
  }
}

void FedWorker::take(const service::Event& event) {
  --reads_;
  if (event.status != service::EventStatus::Success) return;
  const OpenPort port = port_of(event);
  if (!inner_) return fail(port, failure_);
  // A port that is being asked is not asked twice.
  if (!asking_.emplace(port.index, port).second) return;
  inner_->add({.host = port.ip,
               .port = port.port,
               .transport = port.protocol == Protocol::Udp ? service::Transport::Udp
                                                           : service::Transport::Tcp,
               .tag = port.index});
}

void FedWorker::fail(const OpenPort& port, std::string_view trouble) {
  service::ServiceFinding finding;
  finding.outcome = service::ServiceFinding::Outcome::Failed;
  finding.trouble = trouble;
  answer(port, std::move(finding));
}

void FedWorker::done(const service::ServicePort& port, service::ServiceFinding&& finding) {
  const auto found = asking_.find(port.tag);
  if (found == asking_.end()) return;
  const OpenPort asked = found->second;
  asking_.erase(found);
  answer(asked, std::move(finding));
}

// There is room: turn() left some for each port that is asked.
void FedWorker::answer(const OpenPort& port, service::ServiceFinding&& finding) {
  std::shared_ptr<const ServiceFact> host = std::move(finding.host);
  (void)rings_->answered.push(
      {.index = port.index,
       .fact = fact_of(port, std::move(finding), std::chrono::system_clock::now()),
       .host = std::move(host)});
}

void FedWorker::drop_blocked() {
  generation_ = guard_->generation();
  std::set<IpAddress> blocked;
  for (const auto& [index, port] : asking_) {
    if (!guard_->allows(port.ip)) blocked.insert(port.ip);
  }
  for (const IpAddress& host : blocked) {
    if (guard_->is_blocked(host)) {
      inner_->abandon(host);
    } else {
      inner_->drop(host);
    }
  }
  for (auto at = asking_.begin(); at != asking_.end();) {
    if (!blocked.contains(at->second.ip)) {
      ++at;
      continue;
    }
    fail(at->second, "blocked while it was asked");
    at = asking_.erase(at);
  }
}

}  // namespace trawl::control
