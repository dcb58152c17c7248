#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/audit/address_hash.h"
#include "control/audit/engine/audit_host.h"
#include "control/audit/engine/audit_plan.h"
#include "control/audit/engine/connection_pools.h"
#include "control/audit/engine/group_pace.h"
#include "control/audit/engine/idle_stage.h"
#include "control/audit/engine/name_thread.h"
#include "control/audit/engine/os_stage.h"
#include "control/audit/engine/probe_writer.h"
#include "control/audit/engine/script_stage.h"
#include "control/audit/engine/service_stage.h"
#include "control/audit/engine/target_feed.h"
#include "control/audit/engine/task_book.h"
#include "control/audit/target_list.h"
#include "dataplane/packet/raw_network.h"

namespace trawl::control {

// Runs an audit: takes targets, moves each host through its stages by itself, and hands it on as
// soon as nothing is left to learn. One thread does everything: it reads replies, expires probes,
// and sends what hosts and group allow.
//
// Thread: one user; stop() from anywhere.
class AuditEngine {
 public:
  struct Hooks {
    std::function<void(HostReport&&)> done;
    std::function<void(std::string_view)> warn;
    std::function<void(Moment)> tick;  // Now and then, while it runs.
    dataplane::RawNetwork::Trace trace;
    ConnectionPool::Trace trace_connection;
    std::function<void(std::string_view)> debug;  // How each stage of a host went.
    std::function<void(const AuditTask&)> task;   // One has begun, or ended.
    std::function<void(const HostReport&)> up;    // It answered, and its ports come next.
    std::function<void(const IpAddress&, const PortReport&)> found;  // What a reply says.
    // So many ports of a host are asked who they are; one that was silent answers; what is done.
    std::function<void(const HostReport&, std::size_t)> services;
    std::function<void(const service::ServicePort&)> opened;
    std::function<void(std::string_view)> trace_services;
    // A round of OS detection begins: its number, from 1; 0 for a host that is left out of it.
    std::function<void(const HostReport&, unsigned)> os_try;
    struct Scripts {
      std::function<void(std::size_t)> loaded;  // So many.
      // A group begins: who is in it; or what runs before or after all hosts.
      std::function<void(ScriptStage::Phase, const std::vector<std::string>&)> begun;
      std::function<void(const ScriptContext::Line&)> said;
      std::function<void(std::string_view)> trace;
      // Before or after all hosts.
      std::function<void(ScriptStage::Phase, std::vector<ScriptReport>&&)> found;
    } scripts{};
    // Reads what the user types. Returns the descriptor that has more, or -1.
    std::function<int()> keys;
  };

  AuditEngine(AuditPlan plan, TargetList& targets, Hooks hooks);
  ~AuditEngine();

  // Until all targets are done, or stop(). Fails with Device when raw packets are impossible.
  [[nodiscard]] Result<void> run();
  void stop() noexcept { is_stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool was_stopped() const noexcept {
    return is_stopped_.load(std::memory_order_relaxed);
  }

  struct Progress {
    std::uint64_t hosts_done = 0;
    std::uint64_t hosts_up = 0;  // Of all so far.
    std::uint64_t hosts_active = 0;
    const AuditTask* task = nullptr;  // What most of them are at; nullptr for nothing...
    double share = 0;                 // ...and how much of it is done.
    // Scripts that have run longest, and for how long.
    std::vector<std::pair<std::string, std::chrono::milliseconds>> slowest{};
  };
  [[nodiscard]] Progress progress() const;
  [[nodiscard]] dataplane::PacketCounters counters() noexcept;
  [[nodiscard]] Moment now() const noexcept;
  // While it runs; nullptr for none.
  void trace_to(dataplane::RawNetwork::Trace trace, ConnectionPool::Trace connections,
                std::function<void(std::string_view)> services);
  void debug_to(std::function<void(std::string_view)> debug) { hooks_.debug = std::move(debug); }

 private:
  struct Wake {
    Moment at;
    std::uint64_t host = 0;
    friend bool operator>(const Wake& a, const Wake& b) noexcept { return a.at > b.at; }
  };
  using HostPointer = std::unique_ptr<AuditHost>;
  // Names are asked for by host and TTL, 0 for the host's own.
  static constexpr std::uint64_t kNamesOfHost = 64;

  // Targets and stages: audit_stages.cc.
  void admit();
  [[nodiscard]] const ScanList& scans_of(const AuditHost& host) const noexcept {
    return host.target.scans ? *host.target.scans : plan_.scans;
  }
  [[nodiscard]] std::uint64_t largest_stage(const AuditTarget& target) const noexcept;
  bool begin(AuditTarget target);
  void begin_host(AuditHost& host);
  void begin_stage(AuditHost& host, AuditHost::Stage stage, std::shared_ptr<const ProbeSet> probes);
  void end_stage(AuditHost& host);
  void leave_stage(AuditHost& host);
  void tell_pace(const AuditHost& host, std::string_view what) const;
  void tell_stragglers();
  void host_is_up(AuditHost& host, const Reason& reason);
  void tell_up(const AuditHost& host);
  void host_is_down(AuditHost& host, std::string_view word);
  void begin_scan(AuditHost& host);
  void ask_name(AuditHost& host);
  [[nodiscard]] std::size_t task_of(const AuditHost& host) const noexcept;
  void enter_task(AuditHost& host, std::size_t task);
  void close_tasks();
  [[nodiscard]] bool more_hosts_come() const noexcept {
    return has_targets_ || !postponed_.empty();
  }
  void finish(AuditHost& host);
  void hand_on(AuditHost& host);
  [[nodiscard]] std::vector<PortReport> ports_of(const AuditHost& host) const;
  void take_names();
  [[nodiscard]] HostPace::Limits pace_limits(const ProbeSet& probes) const noexcept;
  [[nodiscard]] bool defeats_limit(const ProbeSet& probes) const noexcept;

  // Traceroute: audit_trace.cc.
  void begin_trace(AuditHost& host);
  void send_trace(AuditHost& host, unsigned from, unsigned to, unsigned window);
  void take_trace_reply(AuditHost& host, const ProbeWriter::Match& match,
                        const dataplane::Dissection& reply);
  void end_trace_part(AuditHost& host);
  void end_trace(AuditHost& host);
  void go_on_after_services(AuditHost& host);
  void release_followers(AuditHost& host);
  void copy_known_hops(AuditHost& host, unsigned ttl);
  [[nodiscard]] ProbeSpec trace_probe(const AuditHost& host) const;

  // Idle scans: audit_idle.cc.
  void begin_idle(AuditHost& host);
  void turn_idle();

  // Version detection: audit_services.cc.
  [[nodiscard]] Result<void> open_services();
  [[nodiscard]] bool begin_services(AuditHost& host);
  void leave_services(AuditHost& host);
  void take_services();

  // OS detection: audit_os.cc.
  [[nodiscard]] Result<void> open_os();
  [[nodiscard]] bool begin_os(AuditHost& host);
  void leave_os(AuditHost& host);
  void take_os_news();
  void take_os();

  // Scripts: audit_scripts.cc.
  [[nodiscard]] Result<void> open_scripts();
  [[nodiscard]] bool begin_scripts(AuditHost& host);
  void leave_scripts(AuditHost& host);
  void tell_of_scripts();
  void take_scripts();
  [[nodiscard]] bool end_scripts();
  [[nodiscard]] bool others_join_scripts() const noexcept {
    return hosts_.size() > at_scripts_ || more_hosts_come();
  }

  // Sending: audit_engine.cc.
  void look_at(AuditHost& host);
  void expire(AuditHost& host, Moment now);
  void send_what_may(AuditHost& host, Moment now);
  [[nodiscard]] bool send_one(AuditHost& host, const ProbeSchedule::Send& send, Moment now,
                              Moment deadline);
  void send_raw(AuditHost& host, const ProbeSpec& spec, unsigned attempt);
  void schedule_wake(AuditHost& host);
  void make_ready(AuditHost& host);
  [[nodiscard]] bool may_unblock() const noexcept;
  [[nodiscard]] unsigned needed_by(const AuditHost& host) const noexcept;
  [[nodiscard]] Moment timeout_of(const AuditHost& host) const noexcept;
  [[nodiscard]] Moment patience_with(const AuditHost& host,
                                     const ProbeSchedule::Send& send) const noexcept;
  void turn();
  void tell_of_targets();
  void wait_for_work();
  void read_keys();
  [[nodiscard]] TaskBook::Work work_of(std::size_t task) const;
  void interrupt_hosts();

  // Receiving: audit_replies.cc.
  void take_packet(const dataplane::Dissection& reply, std::span<const std::byte> bytes);
  void take_neighbour(const dataplane::NeighbourAnswer& answer);
  void take_connections();
  void take_connection(const ConnectionPool::Result& result);
  void probe_answered(AuditHost& host, std::uint32_t index, int attempt);
  void note(AuditHost& host, std::uint32_t index, PortState state, const Reason& reason);
  void read_reply(AuditHost& host, const ProbeWriter::Match& match,
                  const dataplane::Dissection& reply);
  [[nodiscard]] std::uint16_t word_number(std::string_view word);

  AuditPlan plan_;
  TargetList& targets_;
  Hooks hooks_;
  dataplane::UdpPayloads payloads_;
  ProbeWriter writer_;
  GroupPace group_;
  TaskBook book_;
  RttEstimator group_rtt_;
  std::shared_ptr<const ProbeSet> neighbour_probe_;
  std::unique_ptr<dataplane::RawNetwork> network_;
  std::optional<ConnectionPools> connections_;
  std::unique_ptr<NameThread> names_;
  std::optional<ServiceStage> services_;  // With -sV.
  std::unique_ptr<OsStage> os_;           // With -O.
  std::unique_ptr<ScriptStage> scripts_;  // With -sC or --script.
  std::size_t at_scripts_ = 0;            // Hosts.
  bool listens_ = true;                   // Somebody waits for packets, not for scripts alone.
  std::vector<ConnectionPool::Result> connection_results_;
  std::unique_ptr<IdleStage> idle_;  // With -sI.
  std::string idle_note_;            // Of its zombie, until a report has it.

  std::unordered_map<std::uint64_t, HostPointer> hosts_;
  std::unordered_map<IpAddress, std::uint64_t, AddressHash> by_address_;
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
  std::deque<std::uint64_t> ready_;
  std::deque<std::uint64_t> blocked_;  // By the group's window, rate, or a full socket.
  std::deque<AuditTarget> postponed_;  // Targets whose address is being audited already.
  std::map<IpAddress, std::vector<std::uint64_t>> tracing_;  // Networks, and who waits there.
  std::map<std::pair<unsigned, IpAddress>, std::vector<HopReport>> known_hops_;  // Before a hop.
  std::vector<std::string_view> words_;
  std::unique_ptr<TargetFeed> feed_;
  bool has_targets_ = true;
  bool admits_more_ = false;     // Now, if there were time.
  bool awaits_targets_ = false;  // There is room for more than there are so far.
  std::uint64_t next_id_ = 1;
  std::uint64_t active_probes_ = 0;  // Of the largest stages of all hosts: memory depends on it.
  std::uint64_t done_ = 0;
  std::uint64_t up_ = 0;
  std::chrono::steady_clock::time_point start_;
  Moment now_{0};
  Moment last_tick_{0};
  Moment last_told_{0};
  Moment last_keys_{-1};
  int keys_fd_ = -1;
  std::atomic<bool> is_stopped_ = false;
};

}  // namespace trawl::control
