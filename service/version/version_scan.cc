#include "service/version/version_scan.h"

#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "service/match/match_workers.h"
#include "service/version/connection_pace.h"
#include "service/version/port_talk.h"

namespace trawl::service {
namespace {

// Ports that are asked at once: each keeps what its probes brought.
constexpr std::size_t kMostPorts = 1024;
// Connections to a host at once, at most three to a port: Nmap asks up to 40 ports at once, one
// connection each, whichever hosts they are of.
constexpr unsigned kPerHost = 256;
// Descriptors that are left to others.
constexpr std::size_t kReserve = 64;

std::size_t most_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kReserve;
  constexpr rlim_t kMost = 1U << 20U;
  const auto most = static_cast<std::size_t>(std::min(limit.rlim_cur, kMost));
  return most > 2 * kReserve ? most - kReserve : most / 2;
}

// Of them, sockets of UDP that only listen for late answers.
std::size_t most_lingering() {
  constexpr std::size_t kMost = 4096;
  return std::min(most_connections() / 4, kMost);
}

unsigned match_threads() { return std::clamp(std::thread::hardware_concurrency(), 1U, 8U); }

}  // namespace

struct VersionScan::Impl {
  Impl(Loop& loop, std::shared_ptr<const ProbeFile> file, std::shared_ptr<const MatchEngine> engine,
       VersionSettings settings, Hooks given);
  ~Impl();

  void start_ports();
  void settle();
  void take_matches();
  void with(std::uint64_t id, const std::function<void(PortTalk&)>& act);

  Hooks hooks;
  TalkSurroundings around;
  ConnectionPace pace;
  std::size_t most_ports;
  std::deque<ServicePort> queue;
  std::map<std::uint64_t, std::unique_ptr<PortTalk>> talks;
  std::uint64_t last_talk = 0;
  // Of a match under way, by the workers' number.
  struct Ticket {
    std::uint64_t talk = 0;
    std::uint32_t ticket = 0;
  };
  std::map<std::uint64_t, Ticket> tickets;
  std::vector<std::uint64_t> changed;  // Talks that may be done.
  bool is_settling = false;
  MatchWorkers workers;
};

VersionScan::Impl::Impl(Loop& loop, std::shared_ptr<const ProbeFile> file,
                        std::shared_ptr<const MatchEngine> engine, VersionSettings settings,
                        Hooks given)
    : hooks{std::move(given)},
      around{.loop = loop, .file = std::move(file), .settings = std::move(settings)},
      pace{most_connections() - most_lingering(),
           around.settings.per_host != 0 ? around.settings.per_host : kPerHost},
      most_ports{std::min(around.settings.most_ports != 0 ? around.settings.most_ports : kMostPorts,
                          most_connections())},
      workers{std::move(engine), [&loop] { loop.wake(); }, match_threads()} {
  around.trace = hooks.trace;
  around.most_lingering = most_lingering();
  around.ask = [this](std::uint64_t id, const IpAddress& host, std::uint32_t attempt,
                      ConnectionPace::Rank rank) {
    pace.ask(host, {id, attempt}, rank);
  };
  around.give_back = [this](std::uint64_t id, const IpAddress& host, std::uint32_t attempt) {
    pace.give_back(host, {id, attempt});
  };
  around.match = [this](std::uint64_t id, const InquiryCommand& command) {
    const std::uint64_t work =
        workers.submit({.probe = command.probe, .response = command.response});
    tickets[work] = {.talk = id, .ticket = command.ticket};
  };
  around.with = [this](std::uint64_t id, const std::function<void(PortTalk&)>& act) {
    with(id, act);
    settle();
  };
  loop.on_wake([this] {
    take_matches();
    settle();
  });
}

VersionScan::Impl::~Impl() {
  around.loop.on_wake({});
  talks.clear();
}

void VersionScan::Impl::with(std::uint64_t id, const std::function<void(PortTalk&)>& act) {
  const auto found = talks.find(id);
  if (found == talks.end()) return;
  act(*found->second);
  found->second->obey();
  changed.push_back(id);
}

void VersionScan::Impl::take_matches() {
  for (MatchWorkers::Done& done : workers.take()) {
    const auto found = tickets.find(done.id);
    if (found == tickets.end()) continue;
    const Ticket ticket = found->second;
    tickets.erase(found);
    with(ticket.talk, [&](PortTalk& talk) { talk.matched(ticket.ticket, std::move(done.match)); });
  }
}

void VersionScan::Impl::start_ports() {
  while (!queue.empty() && talks.size() < most_ports) {
    ServicePort port = std::move(queue.front());
    queue.pop_front();
    const std::uint64_t id = ++last_talk;
    talks.emplace(id, std::make_unique<PortTalk>(around, std::move(port), id));
    with(id, [](PortTalk& talk) { talk.begin(); });
  }
}

// Hands out places and findings, until nothing moves. What `done` calls comes back here.
void VersionScan::Impl::settle() {
  if (std::exchange(is_settling, true)) return;
  for (bool moved = true; moved;) {
    start_ports();
    moved = false;
    for (const std::uint64_t id : std::exchange(changed, {})) {
      const auto found = talks.find(id);
      if (found == talks.end() || !found->second->is_done()) continue;
      const ServicePort port = found->second->port();
      ServiceFinding finding = found->second->take_finding();
      talks.erase(found);
      moved = true;
      if (hooks.done) hooks.done(port, std::move(finding));
    }
    for (const ConnectionPace::Ask& ask : pace.granted()) {
      moved = true;
      with(ask.port, [&](PortTalk& talk) { talk.open(ask.attempt); });
    }
  }
  is_settling = false;
}

VersionScan::VersionScan(Loop& loop, std::shared_ptr<const ProbeFile> file,
                         std::shared_ptr<const MatchEngine> engine, VersionSettings settings,
                         Hooks hooks)
    : impl_{std::make_unique<Impl>(loop, std::move(file), std::move(engine), std::move(settings),
                                   std::move(hooks))} {}

VersionScan::~VersionScan() = default;

void VersionScan::add(ServicePort port) {
  impl_->queue.push_back(std::move(port));
  impl_->settle();
}

void VersionScan::drop(const IpAddress& host) {
  std::erase_if(impl_->queue, [&](const ServicePort& port) { return port.host == host; });
  std::erase_if(impl_->talks, [&](const auto& each) { return each.second->port().host == host; });
  impl_->settle();
}

void VersionScan::abandon(const IpAddress& host) {
  for (const auto& [id, talk] : impl_->talks) {
    if (talk->port().host == host) talk->abandon();
  }
  drop(host);
}

std::size_t VersionScan::pending() const noexcept {
  return impl_->queue.size() + impl_->talks.size();
}

}  // namespace trawl::service
