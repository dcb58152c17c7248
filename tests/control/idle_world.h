#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <set>
#include <vector>

#include "control/audit/engine/idle_scan.h"
#include "control/audit/engine/zombie_check.h"

namespace trawl::control {

// A zombie, a target and the paths between them and us, in virtual time.
struct IdleWorld {
  struct Settings {
    std::uint32_t ports = 200;
    std::set<std::uint32_t> open;
    IpIdClass numbers = IpIdClass::Incremental;
    double loss = 0;    // Of each packet on each path.
    double others = 0;  // Other packets of the zombie a second...
    double bursts = 0;  // ...and bursts of up to 40, a second.
    bool counts_per_host = false;
    bool answers_at_other_ports = true;
    bool resets_arrive = true;  // Those that the zombie sends to the target.
    bool falls_silent = false;  // After a second.
    Moment to_zombie{1000}, to_target{3000}, target_to_zombie{4000};
    Moment jitter{500};
    Moment wait{40'000};
    std::uint16_t first_id = 65'000;
    std::uint64_t seed = 1;
  };
  struct Result {
    std::set<std::uint32_t> open, shut;
    IdleScan::Failure failure = IdleScan::Failure::None;
    Moment took{0};
    std::uint64_t packets_to_target = 0;
    std::uint64_t counts = 0;
  };

  explicit IdleWorld(const Settings& settings)
      : settings_{settings}, random_{settings.seed}, counter_{settings.first_id} {}

  Result run();

 private:
  struct Event {
    Moment at;
    std::uint64_t order;
    std::function<void()> what;
    friend bool operator>(const Event& a, const Event& b) {
      return std::pair{a.at, a.order} > std::pair{b.at, b.order};
    }
  };

  double chance();

  // A packet that arrives later, or never.
  void carry(Moment path, std::function<void()> what);
  void after(Moment time, std::function<void()> what);

  // What the zombie sends has the next number; others' traffic before it comes first.
  std::uint16_t number();

  void send(const IdleAction& action, IdleScan& scan, Result& result);

  // The target's SYN/ACK, again after a second and then two without the zombie's reset.
  void answer_syn(std::pair<std::uint32_t, std::uint8_t> connection, unsigned tries);

  Settings settings_;
  std::mt19937_64 random_;
  std::uint32_t counter_;
  Moment now_{0};
  Moment counted_{0};
  std::set<std::pair<std::uint32_t, std::uint8_t>> half_open_;  // By port and copy.
  std::uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace trawl::control
