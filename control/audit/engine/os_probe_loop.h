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
#include "osfp/active6/probing6.h"

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
  // Where a host is: its number in the group of its version of IP.
  struct Place {
    bool is_v6 = false;
    std::size_t number = 0;
  };

  OsProbeLoop(Settings settings, std::unique_ptr<dataplane::RawNetwork> network);
  [[nodiscard]] dataplane::PacketCounters counters() noexcept;
  void admit();
  void begin(OsQuestion question);
  void begin_v4(OsQuestion&& question, const dataplane::Way& way);
  void begin_v6(OsQuestion&& question, const dataplane::Way& way);
  [[nodiscard]] std::uint16_t take_ports(const OsQuestion& question, std::size_t count) noexcept;
  [[nodiscard]] std::uint16_t pick_port() noexcept;
  [[nodiscard]] std::optional<osfp::Moment> next_due();
  template <typename Group>
  bool send_one(Group& group);
  void send_due();
  void send(const osfp::GroupProbing::Due& due);
  void send(const osfp::GroupProbing6::Due& due);
  void send_copy(const dataplane::Way& way, std::span<const std::byte> packet);
  void take_packet(std::span<const std::byte> packet);
  void take_v6(std::span<const std::byte> packet);
  void take_advertisement(std::span<const std::byte> packet);
  void hand_over();
  void hand_over_v6();
  [[nodiscard]] osfp::ProbingSettings probing_of(const OsQuestion& question) const noexcept;

  Settings settings_;
  std::unique_ptr<dataplane::RawNetwork> network_;
  std::mt19937_64 random_{std::random_device{}()};
  osfp::GroupProbing group_;
  osfp::GroupProbing6 group6_;
  std::deque<OsQuestion> waiting_;
  std::unordered_map<std::size_t, Active> active_;   // By the group's number.
  std::unordered_map<std::size_t, Active> active6_;  // As of group6_.
  std::unordered_map<std::uint64_t, Place> places_;  // By id.
  std::uint16_t next_port_ = kFirstSourcePort;
  bool traces_ = false;
  OsProber::News news_;
};

}  // namespace trawl::control
