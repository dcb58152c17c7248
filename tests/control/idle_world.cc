#include "tests/control/idle_world.h"

#include <algorithm>

namespace trawl::control {

IdleWorld::Result IdleWorld::run() {
  RttEstimator rtt{zombie_timing()};
  for (int i = 0; i < 8; ++i) rtt.add(2 * settings_.to_zombie);
  IdleScan scan{{.numbers = settings_.numbers,
                 .zombie = rtt,
                 .wait = settings_.wait,
                 .ports = settings_.ports,
                 .seed = settings_.seed + 17}};
  Result result;
  constexpr Moment kEnd{4'000'000'000};
  while (!scan.is_done() && now_ < kEnd) {
    while (const auto action = scan.next(now_)) send(*action, scan, result);
    if (scan.is_done()) break;
    Moment at = std::max(scan.wake(), now_);
    if (!events_.empty()) at = std::min(at, events_.top().at);
    if (at == now_ && (events_.empty() || events_.top().at > now_)) at += Moment{1};
    now_ = std::max(now_, at);
    while (!events_.empty() && events_.top().at <= now_) {
      const auto what = events_.top().what;
      events_.pop();
      what();
    }
  }
  for (const IdleScan::Verdict& verdict : scan.take_verdicts()) {
    (verdict.is_open ? result.open : result.shut).insert(verdict.port);
  }
  result.failure = scan.failure();
  result.took = now_;
  result.counts = scan.counts();
  return result;
}

double IdleWorld::chance() { return std::uniform_real_distribution<>{}(random_); }

void IdleWorld::carry(Moment path, std::function<void()> what) {
  if (chance() < settings_.loss) return;
  const Moment late{
      static_cast<Moment::rep>(chance() * static_cast<double>(settings_.jitter.count()))};
  after(path + late, std::move(what));
}

void IdleWorld::after(Moment time, std::function<void()> what) {
  events_.push({now_ + time, order_++, std::move(what)});
}

std::uint16_t IdleWorld::number() {
  const double seconds = static_cast<double>((now_ - counted_).count()) * 1e-6;
  counted_ = now_;
  if (settings_.others > 0) {
    counter_ += std::poisson_distribution<std::uint32_t>{settings_.others * seconds}(random_);
  }
  if (settings_.bursts > 0) {
    int bursts = std::poisson_distribution<>{settings_.bursts * seconds}(random_);
    for (; bursts > 0; --bursts) counter_ += 1 + static_cast<std::uint32_t>(random_() % 40);
  }
  ++counter_;
  const auto low = static_cast<std::uint16_t>(
      settings_.numbers == IpIdClass::IncrementalByTwo ? counter_ * 2 : counter_);
  if (settings_.numbers != IpIdClass::LittleEndian) return low;
  return static_cast<std::uint16_t>(low << 8U | low >> 8U);
}

void IdleWorld::send(const IdleAction& action, IdleScan& scan, Result& result) {
  constexpr Moment kFallsSilent{1'000'000};
  if (settings_.falls_silent && now_ > kFallsSilent) return;
  switch (action.kind) {
    case IdleAction::Kind::Ask:
      carry(settings_.to_zombie, [this, &scan, question = action.number] {
        const std::uint16_t id = number();
        carry(settings_.to_zombie,
              [this, &scan, question, id] { scan.answered(question, id, now_); });
      });
      return;
    case IdleAction::Kind::Answer:
      carry(settings_.to_zombie, [this, copy = action.copy] {
        if (copy > 0 && !settings_.answers_at_other_ports) return;
        if (!settings_.counts_per_host) (void)number();
      });
      return;
    case IdleAction::Kind::Syn:
      ++result.packets_to_target;
      carry(settings_.to_target, [this, action] {
        if (!settings_.open.contains(action.number)) return;
        const std::pair connection{action.number, action.copy};
        // Of a connection that is half open already, another SYN is no news.
        if (half_open_.insert(connection).second) answer_syn(connection, 0);
      });
      return;
  }
}

void IdleWorld::answer_syn(std::pair<std::uint32_t, std::uint8_t> connection, unsigned tries) {
  const std::uint8_t copy = connection.second;
  const bool reset_comes = settings_.resets_arrive && chance() >= settings_.loss;
  const bool arrives = chance() >= settings_.loss;
  if (arrives) {
    after(settings_.target_to_zombie, [this, copy] {
      if (copy > 0 && !settings_.answers_at_other_ports) return;
      if (!settings_.counts_per_host) (void)number();
    });
  }
  const bool is_reset = arrives && reset_comes;
  const Moment until = is_reset ? 2 * settings_.target_to_zombie : Moment{1'000'000U << tries};
  after(until, [this, connection, tries, is_reset] {
    if (is_reset || tries == 1) {
      half_open_.erase(connection);
    } else {
      answer_syn(connection, tries + 1);
    }
  });
}

}  // namespace trawl::control
