#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "control/audit/engine/os_prober.h"
#include "osfp/active/group_probing.h"

namespace trawl::control {

// The rounds of many hosts by one clock, over packet sockets of their own. SEQ probes have to leave
// 100 ms apart to the millisecond, so the loop sleeps until just before one is due, then waits for
// the moment with its eyes open, and does nothing in between that takes long.
//
// Thread: one user, which does nothing else.
class OsProbeLoop {
 public:
  struct Settings {
    dataplane::RawNetworkOptions network;
    std::vector<IpAddress> decoys;
    double max_rate = 0;  // Packets a second, 0 for no limit: so many hosts less at once.
  };
  // Nothing else that an audit sends has these source ports.
  static constexpr std::uint16_t kFirstSourcePort = 65'100;
  static constexpr std::uint16_t kLastSourcePort = 65'535;

  // Fails with Device when raw packets are impossible.
  [[nodiscard]] static Result<std::unique_ptr<OsProbeLoop>> open(Settings settings);

  void ask(OsQuestion question) { waiting_.push_back(std::move(question)); }
  void drop(std::uint64_t id);
  void trace(bool is_on);

  // One turn: sends what is due, takes what came, and waits no longer than until something is to be
  // done or `wake_fd` can be read.
  void turn(int wake_fd);
  // What happened since the last call.
  [[nodiscard]] OsProber::News take();
  [[nodiscard]] bool has_news() const noexcept {
    return !news_.answers.empty() || !news_.packets.empty() || !news_.warnings.empty();
  }

 private:
  struct Active {
    std::uint64_t id = 0;
    dataplane::Way way;
    std::vector<std::byte> syn_ack;
  };

  OsProbeLoop(Settings settings, std::unique_ptr<dataplane::RawNetwork> network);
  [[nodiscard]] dataplane::PacketCounters counters() noexcept;
  void admit();
  void begin(OsQuestion question);
  void send_due();
  void send(const osfp::GroupProbing::Due& due);
  void send_copy(const dataplane::Way& way, std::span<const std::byte> packet);
  void take_packet(std::span<const std::byte> packet);
  void hand_over();
  [[nodiscard]] osfp::ProbingSettings probing_of(const OsQuestion& question) const noexcept;

  Settings settings_;
  std::unique_ptr<dataplane::RawNetwork> network_;
  std::mt19937_64 random_{std::random_device{}()};
  osfp::GroupProbing group_;
  std::deque<OsQuestion> waiting_;
  std::unordered_map<std::size_t, Active> active_;          // By the group's number.
  std::unordered_map<std::uint64_t, std::size_t> numbers_;  // By id.
  std::uint16_t next_port_ = kFirstSourcePort;
  bool traces_ = false;
  OsProber::News news_;
};

}  // namespace trawl::control
