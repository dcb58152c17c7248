#include "control/survey/open_port_stage.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

// From the SYN-ACK on: what a port is given to say its first word, after its SYN-ACK, or our answer
// to it, was lost and repeated (RFC 6298 section 2: a second).
constexpr auto kLinger = 5s;
constexpr auto kLookInterval = 20ms;
constexpr std::size_t kBacklogBatch = 64;
// How often ports are asked that were found open before, and what they have to answer (RFC 6298).
constexpr unsigned kBacklogTurns = 3;
constexpr auto kBacklogWait = 1s;

ByteCount share_of(ByteCount memory) noexcept { return ByteCount{memory.count() / 4}; }

}  // namespace

OpenPortStage::OpenPortStage(Parts parts)
    : parts_{std::move(parts)},
      census_{{.targets = parts_.planner.config().space->size(),
               .memory = share_of(parts_.memory),
               .ports = parts_.planner.config().space->ports(),
               .salt = static_cast<std::uint64_t>(parts_.planner.config().seed),
               .settle = parts_.recogniser ? Clock::duration{kLinger} : Clock::duration{0}}} {
  if (!parts_.recogniser) return;
  BannerIntake::Parts intake{
      .take = [this](auto into) { return parts_.scanner.take_banners(into); },
      .give_back = [this](auto banners) { parts_.scanner.give_back(banners); },
      .clock = parts_.scanner.clock(),
      .index_of =
          [this](const IpAddress& ip, std::uint16_t port) {
            return parts_.planner.config().space->index_of_any({ip, port});
          },
      .target_at =
          [this](std::uint64_t index) {
            const auto target = parts_.planner.config().space->any_at(index);
            return std::pair{target.ip, target.port};
          },
      .sink = parts_.sink,
      .census = census_,
      .is_blocked = parts_.is_blocked};
  if (parts_.keeper != nullptr) {
    intake.note = [this](std::uint64_t index) { return parts_.keeper->record_answer(index); };
  }
  const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  banners_ = std::make_unique<BannerIntake>(parts_.recogniser, threads, std::move(intake));
}

bool OpenPortStage::found(std::uint64_t index, const IpAddress& ip, std::uint16_t port) {
  last_news_ = Clock::now();
  return census_.found(index, ip, port, last_news_);
}

void OpenPortStage::resume(std::shared_ptr<ServiceBacklog> backlog) {
  backlog_ = std::move(backlog);
  is_asking_backlog_ = true;
  for (const std::uint64_t index : backlog_->known()) (void)census_.classes().tell_once(index);
}

Result<bool> OpenPortStage::ask_backlog() {
  for (std::size_t i = 0; is_asking_backlog_ && i < kBacklogBatch; ++i) {
    if (!next_of_backlog_) {
      auto next = backlog_->next();
      if (!next) return Failure{next.error()};
      next_of_backlog_ = *next;
    }
    if (!next_of_backlog_) {
      is_asking_backlog_ = false;
      backlog_asked_ = Clock::now();
      ++backlog_turns_;
      break;
    }
    const OpenPort& port = *next_of_backlog_;
    const auto known = census_.classes().at(port.index);
    if (known.value_or(PortClass::Unknown) == PortClass::Unknown) {
      if (!parts_.scanner.request_conversation({port.ip, port.port})) break;
      if (backlog_turns_ == 0) (void)found(port.index, port.ip, port.port);
      last_news_ = Clock::now();
    }
    next_of_backlog_.reset();
  }
  return false;
}

// Once nobody talks any more; false when they were asked often enough.
bool OpenPortStage::ask_backlog_again(Clock::time_point now) {
  if (!backlog_ || backlog_turns_ == kBacklogTurns) return false;
  if (now - backlog_asked_ < kBacklogWait) return true;
  backlog_->rewind();
  is_asking_backlog_ = true;
  return true;
}

Result<void> OpenPortStage::tell_networks(Clock::time_point now, bool is_end) {
  const auto facts = census_.watch().take_news(now, is_end);
  if (facts.empty()) return {};
  for (const NetworkFact& fact : facts) {
    const bool is_host = fact.length == (fact.first.is_v4() ? 32U : 128U);
    ++(is_host ? hosts_ : networks_);
    if (fact.first.is_v4()) {
      skipped_.v4.add(Ipv4Prefix{fact.first.v4(), fact.length});
    } else {
      skipped_.v6.add(Ipv6Prefix{fact.first.v6(), fact.length});
    }
  }
  if (parts_.skip) parts_.skip(skipped_);
  return parts_.sink.write_networks(facts);
}

Result<bool> OpenPortStage::turn(Clock::time_point now) {
  if (auto asked = ask_backlog(); !asked) return asked;
  if (now >= next_look_) {
    next_look_ = now + kLookInterval;
    census_.watch().turn(now, [this](const IpAddress& ip, std::uint16_t port) {
      return parts_.scanner.request_conversation({ip, port});
    });
    if (auto told = tell_networks(now, false); !told) return Failure{told.error()};
  }
  if (!banners_) return false;
  return banners_->turn();
}

bool OpenPortStage::is_done(Clock::time_point now) {
  if (is_asking_backlog_ || census_.watch().is_testing()) return false;
  if (!banners_) return is_settled_ = true;
  if (!banners_->is_idle() || parts_.scanner.open_conversations() > 0) return false;
  const bool all_heard = census_.classes().count(PortClass::Unknown) == 0;
  if (!all_heard && ask_backlog_again(now)) return false;
  is_settled_ = all_heard || now - last_news_ >= kLinger;
  return is_settled_;
}

Result<void> OpenPortStage::finish() {
  Result<void> first;
  if (banners_) first = banners_->finish(is_settled_);
  if (auto told = tell_networks(Clock::now(), true); !told && first) first = told;
  return first;
}

OpenPortProgress OpenPortStage::progress() const {
  OpenPortProgress progress{.classes = census_.classes().counts(),
                            .networks = networks_,
                            .hosts = hosts_,
                            .test_probes = census_.watch().probes(),
                            .passed_over = census_.passed_over(),
                            .left_out = census_.left_out(),
                            .has_banners = banners_ != nullptr};
  if (!banners_) return progress;
  const BannerIntake::Counts& counts = banners_->counts();
  progress.banners = counts.banners;
  progress.services = counts.services;
  progress.identified = counts.identified;
  progress.tls = counts.tls;
  progress.banner_bytes = counts.bytes;
  progress.remembered = parts_.recogniser->remembered();
  progress.talking = parts_.scanner.open_conversations();
  return progress;
}

}  // namespace trawl::control
