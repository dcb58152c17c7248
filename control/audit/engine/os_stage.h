#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/audit/engine/os_judge.h"
#include "control/audit/engine/os_prober.h"
#include "control/audit/engine/os_report_maker.h"
#include "control/audit/engine/os_settings.h"
#include "control/audit/port_report.h"
#include "control/audit/report/os_report.h"

namespace trawl::control {

// The ports of a host that OS detection asks. Needs them by rising numbers.
[[nodiscard]] OsPorts ports_for_os(const std::vector<PortReport>& ports);

// The hosts whose operating systems are asked for: rounds of probes until one fits an entry of the
// database perfectly or there have been enough, then, where it is wished, one round to each open
// port. A host waits for its own rounds only.
//
// Thread: one user.
class OsStage {
 public:
  struct Options {
    OsSettings settings;
    int timing_level = 3;
    std::string version;                             // For SCAN lines...
    std::string platform;                            // ...both.
    std::shared_ptr<const osfp::OsModel6> model6{};  // Judges IPv6 hosts, instead of the judge.
  };

  // Needs a judge, or a model for an audit of IPv6 hosts.
  OsStage(Options options, std::unique_ptr<OsProber> prober, std::unique_ptr<OsJudge> judge)
      : options_{std::move(options)}, prober_{std::move(prober)}, judge_{std::move(judge)} {}

  // Begins to ask. False where nothing is to be asked: leave() tells why.
  bool join(OsHost host);
  // Takes answers in, and asks what comes next.
  void turn();
  // Hosts that are done, once each; they stay here until they leave.
  [[nodiscard]] std::vector<std::uint64_t> take_ends() { return std::exchange(ends_, {}); }
  // Forgets a host, and returns what is known; nullopt when no round was over yet.
  [[nodiscard]] std::optional<OsReport> leave(std::uint64_t id);

  // How many rounds a host has had, and has at most yet to come.
  struct Work {
    unsigned done = 0;
    unsigned left = 0;
  };
  [[nodiscard]] Work work(std::uint64_t id) const;
  // A round begins: its number, from 1.
  struct Try {
    std::uint64_t id = 0;
    unsigned number = 1;
  };
  [[nodiscard]] std::vector<Try> take_tries() { return std::exchange(tries_, {}); }
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }
  [[nodiscard]] std::vector<std::string> take_debug() { return std::exchange(debug_, {}); }
  [[nodiscard]] std::vector<OsTracedPacket> take_packets() { return std::exchange(packets_, {}); }
  // Why nothing can be judged, "" for no reason.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] const dataplane::PacketCounters& counters() const noexcept { return counters_; }
  void trace(bool is_on) { prober_->trace(is_on); }
  // Readable while turn() has something to do.
  [[nodiscard]] std::vector<int> fds() const;

 private:
  struct Asked {
    OsHost host;
    bool is_skipped = false;
    std::uint16_t closed_tcp = 1;  // Known or not; IPv6 hosts are asked at known ones only.
    std::uint16_t closed_udp = 1;
    std::vector<osfp::Round> rounds;
    std::vector<osfp::Round6> rounds6;
    std::vector<OsVerdict> verdicts;  // Of these, in order.
    bool kept_time = true;
    double worst_ratio = 1;
    std::optional<std::uint16_t> last_batch;  // Of source ports.
    bool is_at_ports = false;                 // The open ones are asked one by one.
    std::vector<OsPortRound> ports;
  };

  [[nodiscard]] unsigned most_tries(const Asked& asked) const;
  [[nodiscard]] OsRounds rounds_of(const Asked& asked) const;
  void ask(Asked& asked);
  void ask_v6(Asked& asked);
  void ask_port(const Asked& asked);
  void take_answer(OsAnswer&& answer);
  void take_timing(Asked& asked, const OsAnswer& answer);
  void take_verdict(OsVerdict&& verdict);

  Options options_;
  std::unique_ptr<OsProber> prober_;
  std::unique_ptr<OsJudge> judge_;
  std::mt19937 random_{std::random_device{}()};
  std::unordered_map<std::uint64_t, Asked> hosts_;
  std::vector<std::uint64_t> ends_;
  std::vector<Try> tries_;
  std::vector<std::string> warnings_;
  std::vector<std::string> debug_;
  std::vector<OsTracedPacket> packets_;
  std::string failure_;
  dataplane::PacketCounters counters_;
};

}  // namespace trawl::control
