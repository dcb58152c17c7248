#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "control/audit/engine/idle_evidence.h"
#include "control/audit/engine/idle_meter.h"

namespace trawl::control {

// The idle scan of one target (Nmap book, "TCP Idle Scan (-sI)"): SYNs in a zombie's name make its
// counter of packets rise once for each open port. It has neither a clock nor a socket.
//
// Ports are looked at in groups, and a group whose count says that some are open in halves. A port
// is open only when counts on its own follow the number of SYNs that it got, which is drawn anew
// each time, so that other traffic of the zombie's cannot pass for it; it is closed or filtered
// when enough was sent that silence cannot be loss. Counts without any SYN, now and then, tell how
// much other traffic there is. Groups grow while counts agree with each other; where they
// contradict, groups shrink and it waits longer.
class IdleScan {
 public:
  struct Settings {
    IpIdClass numbers = IpIdClass::Incremental;
    RttEstimator zombie;        // Round trips to it.
    Moment wait{200'000};       // From a SYN until the zombie has answered the target, at first...
    Moment least_wait{10'000};  // ...and at least.
    std::uint32_t ports = 0;
    std::uint64_t seed = 0;
  };
  enum class Failure : std::uint8_t {
    None,
    NoSpoofing,  // What was sent in the target's name did not count.
    Silent,      // The zombie does not answer any more.
    Busy         // Other traffic of the zombie's leaves nothing to be seen.
  };
  struct Verdict {
    std::uint32_t port = 0;
    bool is_open = false;
  };
  static constexpr std::uint8_t kMostCopies = 15;  // And copy 0.

  explicit IdleScan(const Settings& settings);

  // What to send now; nullopt when nothing is to be sent before wake().
  [[nodiscard]] std::optional<IdleAction> next(Moment now);
  void answered(std::uint32_t question, std::uint16_t id, Moment now) {
    meter_.answered(question, id, now);
  }
  [[nodiscard]] Moment wake() const noexcept { return meter_.wake(); }

  // Those since the last call; each port has one at most.
  [[nodiscard]] std::vector<Verdict> take_verdicts() noexcept;
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }
  [[nodiscard]] Failure failure() const noexcept { return failure_; }
  [[nodiscard]] std::size_t ports_left() const noexcept { return left_; }

  // For tests and -d: how it goes.
  [[nodiscard]] const IdleEvidence& evidence() const noexcept { return evidence_; }
  [[nodiscard]] std::uint64_t counts() const noexcept { return counts_; }
  [[nodiscard]] std::size_t group_limit() const noexcept { return limit_; }
  [[nodiscard]] Moment wait() const noexcept { return wait_; }
  [[nodiscard]] const RttEstimator& zombie_rtt() const noexcept { return meter_.rtt(); }

 private:
  enum class Purpose : std::uint8_t { Control, Spoofing, Copies, Group, Port };
  struct Group {
    std::vector<std::uint32_t> ports;
    // Halves of a group with open ports: the first is looked at first.
    enum class Half : std::uint8_t { None, First, Second } half = Half::None;
    bool is_other_half_shut = false;  // Of a second one.
    unsigned tries = 0;
    IdleContrast contrast{};  // Of one port.
  };

  void choose(Moment now);
  void begin(Purpose purpose, unsigned copies, Moment now);
  void begin_look(Moment now);
  void learn(const IdleCount& count);
  void learn_spoofing(const IdleCount& count);
  void learn_copies(const IdleCount& count);
  void learn_group(const IdleCount& count);
  void learn_port(const IdleCount& count);
  [[nodiscard]] bool is_surely_open(std::uint32_t port) const noexcept;
  void learn_lag(const IdleCount& count);
  void split(unsigned open);
  void rule_out(double weight);
  void note_shut_half();
  void contradict();
  void decide(std::uint32_t port, bool is_open);
  void fail(Failure failure) noexcept;
  [[nodiscard]] unsigned copies_for_group() const noexcept;
  [[nodiscard]] unsigned copies_for_port() noexcept;
  [[nodiscard]] bool is_quiet() const noexcept;
  [[nodiscard]] Moment count_time() const noexcept;

  Settings settings_;
  IdleMeter meter_;
  IdleEvidence evidence_;
  std::mt19937_64 random_;
  std::deque<std::uint32_t> queue_;  // Ports without a verdict that no group holds.
  std::vector<Group> stack_;         // Groups to be looked at before those.
  std::vector<double> weights_;      // Of each port: ln of how much likelier it is open than not.
  Group group_;                      // What is looked at...
  Purpose purpose_ = Purpose::Control;
  unsigned copies_ = 1;  // ...with so many SYNs each.
  Moment wait_;
  std::size_t limit_;      // Ports in a group.
  unsigned controls_due_;  // Of the beginning, still to do.
  unsigned since_control_ = 0;
  double spoofing_ = 0;  // Weight that spoofed packets count...
  unsigned spoofing_tries_ = 0;
  bool is_spoofing_known_ = false;
  double many_copies_ = 0;  // ...and that those to other ports of the zombie do.
  unsigned copies_tries_ = 0;
  bool are_copies_known_ = false;
  bool has_copies_ = false;
  unsigned early_counts_ = 0;
  bool is_lag_short_ = false;    // By the last of them, less than half of the wait.
  unsigned contradictions_ = 0;  // Since the last verdict.
  unsigned busy_counts_ = 0;     // Controls in a row that were too busy.
  std::uint64_t counts_ = 0;
  std::size_t left_;
  std::vector<Verdict> verdicts_;
  bool is_done_ = false;
  Failure failure_ = Failure::None;
};

}  // namespace trawl::control
