#include "control/audit/audit_scan.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "control/audit/packet_trace.h"

namespace trawl::control {
namespace {

constexpr int kFailed = 1;
constexpr Moment kFlushEvery{200'000};

// The engine that a signal stops, while there is one.
std::atomic<AuditEngine*> running{nullptr};

void stop_running(int /*signal*/) {
  if (AuditEngine* const engine = running.load()) engine->stop();
}

std::string_view stage_name(const AuditEngine::Progress& progress) noexcept {
  if (progress.in_stage[static_cast<std::size_t>(AuditHost::Stage::Scan)] > 0) return "Port Scan";
  if (progress.in_stage[static_cast<std::size_t>(AuditHost::Stage::Naming)] > 0) {
    return "Parallel DNS resolution";
  }
  return "Ping Scan";
}

// "0:01:02"
std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

int AuditScan::run(AuditPlan plan, TargetList& targets, std::string_view program) {
  (void)program;
  AuditEngine::Hooks hooks;
  hooks.done = [this](HostReport&& report) { take_host(std::move(report)); };
  hooks.warn = [](std::string_view text) { fmt::print(stderr, "{}\n", text); };
  hooks.tick = [this](Moment now) { tick(now); };
  if (options_.debugging > 0) hooks.debug = hooks.warn;
  if (options_.traces_packets) {
    // Lines of two writers, whole.
    (void)std::setvbuf(stdout, nullptr, _IOLBF, 0);
    hooks.trace = [this](bool is_sent, std::span<const std::byte> frame, bool has_header) {
      fmt::print("{}", trace_line(is_sent, engine_->now(), frame, has_header));
    };
  }
  totals_.started = std::chrono::steady_clock::now();
  totals_.tell_time();
  flush();
  const std::string_view stopped = "interrupted";
  engine_ = std::make_unique<AuditEngine>(std::move(plan), targets, std::move(hooks));
  running = engine_.get();
  // Reads that wait are broken off, and a second signal ends it at once.
  struct sigaction action {};
  action.sa_handler = stop_running;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  (void)::sigaction(SIGINT, &action, nullptr);
  (void)::sigaction(SIGTERM, &action, nullptr);
  const auto done = engine_->run();
  running = nullptr;
  if (!done) totals_.failure = done.error().message;
  if (done && engine_->was_stopped() && output_) totals_.failure = stopped;
  if (done && !engine_->was_stopped() && totals_.hosts == 0) {
    fmt::print(stderr, "WARNING: No targets were specified, so 0 hosts scanned.\n");
  }
  const dataplane::PacketCounters counters = engine_->counters();
  totals_.raw_packets_sent = counters.sent;
  totals_.raw_bytes_sent = counters.sent_bytes;
  totals_.raw_packets_received = counters.received;
  totals_.raw_bytes_received = counters.received_bytes;
  if (counters.refused > 0) {
    fmt::print(stderr, "WARNING: the kernel refused {} packets (the last: {}).\n", counters.refused,
               std::system_category().message(counters.last_error));
  }
  if (counters.missed > 0) {
    fmt::print(stderr,
               "WARNING: {} received packets found no room here; what they said was asked again.\n",
               counters.missed);
  }
  totals_.tell_time();
  const auto closed = reports_.close(totals_);
  if (output_ && !closed) output_ = closed;
  if (!done || !output_) {
    fmt::print(stderr, "{}\nQUITTING!\n", (!done ? done.error() : output_.error()).message);
    return kFailed;
  }
  return engine_->was_stopped() ? static_cast<int>(ExitCode::Interrupted) : 0;
}

void AuditScan::take_host(HostReport&& report) {
  ++totals_.hosts;
  if (report.status == HostStatus::Up) ++totals_.up;
  if (report.mac) report.vendor = std::string{tables_.vendors().vendor(*report.mac)};
  has_news_ = true;
  if (auto added = reports_.add(report); !added && output_) {
    output_ = added;
    // What cannot be written need not be found.
    engine_->stop();
  }
}

void AuditScan::flush() {
  has_news_ = false;
  totals_.tell_time();
  if (auto flushed = reports_.flush(totals_); !flushed && output_) {
    output_ = flushed;
    engine_->stop();
  }
}

void AuditScan::tick(Moment now) {
  if (has_news_ && now >= last_flush_ + kFlushEvery) {
    last_flush_ = now;
    flush();
  }
  const Moment every = options_.stats_every;
  if (every > Moment{0} && now >= last_progress_ + every) {
    last_progress_ = now;
    say_progress(now);
  }
}

void AuditScan::say_progress(Moment now) {
  const AuditEngine::Progress progress = engine_->progress();
  if (progress.hosts_active == 0) return;
  const double elapsed = static_cast<double>(now.count()) * 1e-6;
  fmt::print("Stats: {} elapsed; {} hosts completed ({} up), {} undergoing {}\n",
             clock_text(elapsed), progress.hosts_done, progress.hosts_up, progress.hosts_active,
             stage_name(progress));
  if (progress.probes_of_scans == 0) return;
  const double left =
      static_cast<double>(progress.probes_left) / static_cast<double>(progress.probes_of_scans);
  fmt::print("Port Scan Timing: About {:.2f}% done\n", 100 * (1 - left));
}

}  // namespace trawl::control
