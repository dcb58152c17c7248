#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "control/audit/engine/probe_set.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// A part of an audit that hosts pass through, by the name Nmap has for it.
struct AuditTask {
  std::string_view name;     // "SYN Stealth Scan"
  std::uint64_t probes = 0;  // Of each host, where it scans ports; else 0.
  bool tells_hosts = false;  // Its end tells how many hosts there were.
  bool is_quiet = false;     // Nobody is told of its beginning and its end.
  Moment began{-1};          // -1 before the first host.
  Moment ended{-1};
  std::uint64_t begun = 0;     // Hosts that came to it...
  std::uint64_t left = 0;      // ...and those that are past it.
  double work = 0;             // What those took, in probes; at least 1 each.
  std::uint64_t services = 0;  // Ports that are asked who they are, where that is the task.

  [[nodiscard]] std::uint64_t active() const noexcept { return begun - left; }
  [[nodiscard]] bool is_open() const noexcept { return began >= Moment{0} && ended < Moment{0}; }
};

// Which tasks an audit has begun and ended. Hosts go through them one by one, each at its own time:
// a task begins with the first, and ends when none is at it and none can come.
//
// Thread: one user.
class TaskBook {
 public:
  static constexpr std::size_t kNeighbours = 0;
  static constexpr std::size_t kDiscovery = 1;
  static constexpr std::size_t kFirstScan = 2;
  static constexpr std::size_t kNone = ~std::size_t{0};
  using Tell = std::function<void(const AuditTask&)>;

  // `types`: of all scans that hosts may pass, in their order; `scans`: those of most hosts.
  TaskBook(const std::vector<ScanType>& types, const ScanList& scans);

  // Needs one of those types.
  [[nodiscard]] std::size_t scan(ScanType type) const noexcept;
  [[nodiscard]] std::size_t services() const noexcept { return tasks_.size() - 5; }
  [[nodiscard]] std::size_t trace() const noexcept { return tasks_.size() - 4; }
  [[nodiscard]] std::size_t os() const noexcept { return tasks_.size() - 3; }
  [[nodiscard]] std::size_t naming() const noexcept { return tasks_.size() - 2; }
  [[nodiscard]] std::size_t scripts() const noexcept { return tasks_.size() - 1; }
  [[nodiscard]] const std::vector<AuditTask>& tasks() const noexcept { return tasks_; }

  // A host goes from one, which took `work` probes, to the other; kNone is before the first and
  // behind the last. What is over ends before another task begins. `more_come` as of close().
  void move(std::size_t from, std::size_t to, double work, bool more_come, Moment now,
            const Tell& tell);
  // So many ports more are asked who they are.
  void add_services(std::uint64_t count) noexcept { tasks_[services()].services += count; }
  // A task begins before a host waits for it alone.
  void open(std::size_t task, Moment now, const Tell& tell);
  // Ends those that are over. `more_come`: not all hosts have begun.
  void close(bool more_come, Moment now, const Tell& tell);
  // Neighbours are asked by ARP or by neighbour discovery.
  void set_family(bool v4) noexcept;

  // What hosts that are at a task have done, and have yet to do, in probes.
  struct Work {
    double done = 0;
    double left = 0;
  };
  // How much of the task is done, from 0 to 1. `to_come`: hosts that have not begun anything. Of
  // hosts that may come to the task, as many are expected as came so far, with as much to do.
  [[nodiscard]] double share(std::size_t task, const Work& at_it, double to_come) const noexcept;

 private:
  std::vector<ScanType> types_;
  std::vector<AuditTask> tasks_;  // In the order in which hosts pass through them.
  std::uint64_t hosts_ = 0;       // That have begun anything.
  bool is_changed_ = false;
};

// "SYN Stealth Scan", "Connect Scan", "UDP Scan"...
[[nodiscard]] std::string_view task_name_of(ScanType type) noexcept;

}  // namespace trawl::control
