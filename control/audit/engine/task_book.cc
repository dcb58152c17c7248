#include "control/audit/engine/task_book.h"

#include <algorithm>
#include <memory>

namespace trawl::control {

std::string_view task_name_of(ScanType type) noexcept {
  switch (type) {
    case ScanType::Syn: return "SYN Stealth Scan";
    case ScanType::Connect: return "Connect Scan";
    case ScanType::Ack: return "ACK Scan";
    case ScanType::Window: return "Window Scan";
    case ScanType::Maimon: return "Maimon Scan";
    case ScanType::Null: return "NULL Scan";
    case ScanType::Fin: return "FIN Scan";
    case ScanType::Xmas: return "XMAS Scan";
    case ScanType::Udp: return "UDP Scan";
    case ScanType::SctpInit: return "SCTP INIT Scan";
    case ScanType::SctpCookie: return "SCTP COOKIE-ECHO Scan";
    case ScanType::IpProtocol: return "IPProto Scan";
    case ScanType::Bounce: return "Bounce Scan";
    case ScanType::Idle: return "idle scan";
    case ScanType::Discovery: return "Ping Scan";
    case ScanType::Neighbour: return "ARP Ping Scan";
    case ScanType::Trace: return "Traceroute";
  }
  return "";
}

TaskBook::TaskBook(const std::vector<ScanType>& types, const ScanList& scans) : types_{types} {
  tasks_.push_back({.name = task_name_of(ScanType::Neighbour), .tells_hosts = true});
  tasks_.push_back({.name = task_name_of(ScanType::Discovery), .tells_hosts = true});
  for (const ScanType type : types_) {
    const auto scan = std::ranges::find(scans, type, &ProbeSet::type);
    tasks_.push_back(
        {.name = task_name_of(type), .probes = scan == scans.end() ? 0 : (*scan)->size()});
  }
  tasks_.push_back({.name = "Service scan"});
  tasks_.push_back({.name = task_name_of(ScanType::Trace)});
  tasks_.push_back({.name = "OS detection", .is_quiet = true});
  tasks_.push_back({.name = "Parallel DNS resolution"});
  tasks_.push_back({.name = "NSE"});
}

std::size_t TaskBook::scan(ScanType type) const noexcept {
  const auto found = std::ranges::find(types_, type);
  return kFirstScan + static_cast<std::size_t>(found - types_.begin());
}

void TaskBook::set_family(bool v4) noexcept {
  tasks_[kNeighbours].name = v4 ? "ARP Ping Scan" : "ND Ping Scan";
}

void TaskBook::open(std::size_t task, Moment now, const Tell& tell) {
  AuditTask& opened = tasks_[task];
  if (opened.is_open()) return;
  opened.began = now;
  opened.ended = Moment{-1};
  if (tell && !opened.is_quiet) tell(opened);
}

void TaskBook::move(std::size_t from, std::size_t to, double work, bool more_come, Moment now,
                    const Tell& tell) {
  if (from == to) return;
  is_changed_ = true;
  if (from == kNone) {
    ++hosts_;
  } else {
    ++tasks_[from].left;
    tasks_[from].work += std::max(1.0, work);
  }
  if (to == kNone) return;
  ++tasks_[to].begun;
  if (!tasks_[to].is_open()) close(more_come, now, tell);
  open(to, now, tell);
}

void TaskBook::close(bool more_come, Moment now, const Tell& tell) {
  if (more_come || !is_changed_) return;
  is_changed_ = false;
  for (AuditTask& task : tasks_) {
    if (task.active() > 0) return;  // Its hosts may come to any of the later ones.
    if (!task.is_open()) continue;
    task.ended = now;
    if (tell && !task.is_quiet) tell(task);
  }
}

double TaskBook::share(std::size_t task, const Work& at_it, double to_come) const noexcept {
  const AuditTask& asked = tasks_[task];
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < task; ++i) before += tasks_[i].active();
  const std::uint64_t chose = hosts_ - std::min(hosts_, before);
  const auto begun = static_cast<double>(asked.begun);
  const double chance = chose == 0 ? 1 : begun / static_cast<double>(chose);
  const double expected = chance * (static_cast<double>(before) + std::max(0.0, to_come));
  const double done = asked.work + at_it.done;
  const double total = done + at_it.left;
  if (total <= 0 || begun <= 0) return 0;
  return std::clamp(done / total * begun / (begun + expected), 0.0, 1.0);
}

}  // namespace trawl::control
