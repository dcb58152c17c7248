#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "control/audit/engine/group_pace.h"
#include "control/audit/engine/idle_scan.h"
#include "control/audit/engine/probe_writer.h"
#include "control/audit/engine/zombie_check.h"
#include "dataplane/packet/raw_network.h"

namespace trawl::control {

// The host behind whose back an idle scan is done.
struct ZombieHost {
  IpAddress ip;
  std::string name;  // As the user gave it.
  std::uint16_t port = 80;
};

// The idle scans of an audit: looks at the zombie first, and then scans one host after the other,
// for two at a time would count each other's packets. Hosts wait here until it is their turn.
//
// Thread: one user.
class IdleStage {
 public:
  struct Host {
    std::uint64_t id = 0;
    IpAddress ip;
    dataplane::Way way;
    std::shared_ptr<const ProbeSet> probes;
    Moment lag{0};     // What a round trip to it may take; 0 when that is not known.
    Moment began{-1};  // Its turn, -1 before.
  };
  struct Verdict {
    std::uint64_t host = 0;
    std::uint32_t probe = 0;
    bool is_open = false;
  };
  // Why the scan of a host is over: "" when every port has a verdict.
  struct End {
    std::uint64_t host = 0;
    std::string trouble;
  };

  // `style` and `pace` need to outlive it.
  IdleStage(ZombieHost zombie, const ProbeStyle& style, Moment scan_delay, GroupPace& pace,
            dataplane::RawNetwork& network);

  void join(Host host) { waiting_.push_back(std::move(host)); }
  // Forgets a host, if it is here.
  void leave(std::uint64_t host);

  // Sends what is due.
  void turn(Moment now);
  // True when the packet is the zombie's answer to a question of ours.
  bool take(const dataplane::Dissection& reply, Moment now);
  void take(const dataplane::NeighbourAnswer& answer);

  // When turn() has news though nothing arrived; Moment::max() for never.
  [[nodiscard]] Moment wake() const noexcept;
  [[nodiscard]] std::vector<Verdict> take_verdicts() { return std::exchange(verdicts_, {}); }
  [[nodiscard]] std::vector<End> take_ends() { return std::exchange(ends_, {}); }
  // "Idle scan using zombie …": once, when that is known.
  [[nodiscard]] std::string take_note() { return std::exchange(note_, {}); }
  // Why no host can be scanned by this zombie, in Nmap's words; "" when some may.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  // The one whose turn it is; nullptr for none.
  [[nodiscard]] const Host* current() const noexcept { return host_ ? &*host_ : nullptr; }
  // How many ports the scan of a host has left; all of them while it waits.
  [[nodiscard]] std::size_t ports_left(const ProbeSet& probes, std::uint64_t host) const noexcept;

 private:
  [[nodiscard]] bool reach_zombie(Moment now);
  void check_zombie(Moment now);
  void begin_next(Moment now);
  void scan(Moment now);
  void end_scan();
  void take_results();
  [[nodiscard]] bool may_send(const dataplane::Way& way, Moment now) const noexcept;
  void send(const IdleAction& action, Moment now);
  void send_tcp(const dataplane::Way& way, const IpAddress& from, const IpAddress& to,
                const dataplane::TcpSegment& segment, Moment now);
  [[nodiscard]] std::uint16_t port_of(std::uint8_t copy) const noexcept;
  void begin_numbers() { first_number_ = static_cast<std::uint32_t>(random_()); }

  ZombieHost zombie_;
  const ProbeStyle& style_;
  Moment scan_delay_;
  GroupPace& pace_;
  dataplane::RawNetwork& network_;
  std::mt19937_64 random_{std::random_device{}()};
  std::uint16_t own_port_;          // That questions come from.
  std::uint16_t copies_port_;       // Of the zombie's ports that are not asked, the first.
  std::uint32_t first_number_ = 0;  // What stands for question 0 in an acknowledgement.
  std::optional<dataplane::Way> way_;
  unsigned neighbour_questions_ = 0;
  std::optional<ZombieCheck> check_;
  std::optional<IpIdClass> numbers_;  // Known once the zombie may be used.
  RttEstimator rtt_{zombie_timing()};
  std::deque<Host> waiting_;
  std::optional<Host> host_;  // The one that is scanned...
  std::optional<IdleScan> scan_;
  bool was_any_scanned_ = false;
  Moment wake_{0};
  Moment next_send_{0};
  std::vector<Verdict> verdicts_;
  std::vector<End> ends_;
  std::string note_;
  std::string failure_;
};

}  // namespace trawl::control
