#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "base/ip.h"
#include "base/network_fact.h"
#include "base/service_fact.h"
#include "base/units.h"
#include "base/verdict.h"
#include "control/banners/network_watch.h"
#include "control/banners/port_classes.h"

namespace trawl::control {

// What all that are asked about open ports know together: the class of each, and which hosts and
// networks answer everything.
//
// Thread: the control thread.
class PortCensus {
 public:
  using Clock = NetworkWatch::Clock;

  struct Settings {
    std::uint64_t targets = 0;  // Of the survey.
    ByteCount memory{};         // For an array of classes.
    std::span<const std::uint16_t> ports{};
    std::uint64_t salt = 0;
    Clock::duration settle{};  // Of NetworkWatch.
  };
  explicit PortCensus(const Settings& settings)
      : classes_{settings.targets, settings.memory},
        watch_{settings.ports, settings.salt, settings.settle} {}

  // A target was found open, once for each. False where what is open there tells nothing, so that
  // nobody is to be asked what it is.
  [[nodiscard]] bool found(std::uint64_t index, const IpAddress& ip, std::uint16_t port,
                           Clock::time_point now);
  // What was found out about a port of the survey. False where it is not to be told: its network
  // is.
  [[nodiscard]] bool judge(std::uint64_t index, ServiceFact& fact);

  [[nodiscard]] PortClasses& classes() noexcept { return classes_; }
  [[nodiscard]] const PortClasses& classes() const noexcept { return classes_; }
  [[nodiscard]] NetworkWatch& watch() noexcept { return watch_; }
  [[nodiscard]] const NetworkWatch& watch() const noexcept { return watch_; }
  // Ports that were not handed on since their network is known, and facts that were left out.
  [[nodiscard]] std::uint64_t passed_over() const noexcept { return passed_over_; }
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  PortClasses classes_;
  NetworkWatch watch_;
  std::uint64_t passed_over_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace trawl::control
