#include "control/audit/audit_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

#include "control/audit/complain.h"
#include "control/audit/packet_trace.h"
#include "control/audit/report/report_text.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr int kFailed = 1;
constexpr Moment kFlushEvery{200'000};

// The engine that a signal stops, while there is one.
std::atomic<AuditEngine*> running{nullptr};

volatile std::sig_atomic_t was_signalled = 0;

void stop_running(int signal) {
  if (was_signalled != 0) RunKeys::die_of(signal);
  was_signalled = 1;
  if (AuditEngine* const engine = running.load()) engine->stop();
}

bool reads_targets_from_terminal(const AuditOptions& options) {
  return std::ranges::find(options.target_files, "-") != options.target_files.end();
}

}  // namespace

int AuditScan::run(AuditPlan plan, TargetList& targets) {
  totals_.started = std::chrono::steady_clock::now();
  totals_.tell_time();
  const std::string_view stopped = "interrupted";
  engine_ = std::make_unique<AuditEngine>(std::move(plan), targets, hooks());
  flush();
  running = engine_.get();
  was_signalled = 0;
  // Reads that wait are broken off, and a second signal ends it at once.
  struct sigaction action {};
  action.sa_handler = stop_running;
  (void)::sigaction(SIGINT, &action, nullptr);
  (void)::sigaction(SIGTERM, &action, nullptr);
  // A terminal that gives targets gives no keys.
  keys_.emplace(!options_.ignores_keys && !reads_targets_from_terminal(options_));
  const auto done = engine_->run();
  keys_.reset();
  running = nullptr;
  if (!done) totals_.failure = done.error().message;
  if (done && engine_->was_stopped() && output_) totals_.failure = stopped;
  const TargetList::LeftOut left_out = targets.left_out();
  const bool named = left_out.blocked + left_out.outside > 0;
  if (done && !engine_->was_stopped() && totals_.hosts == 0 && !named) {
    warn_("WARNING: No targets were specified, so 0 hosts scanned.");
  }
  const dataplane::PacketCounters counters = engine_->counters();
  totals_.raw_packets_sent = counters.sent;
  totals_.raw_bytes_sent = counters.sent_bytes;
  totals_.raw_packets_received = counters.received;
  totals_.raw_bytes_received = counters.received_bytes;
  if (counters.refused > 0) {
    warn_(fmt::format("WARNING: the kernel refused {} packets (the last: {}).", counters.refused,
                      std::system_category().message(counters.last_error)));
  }
  if (counters.blocked > 0) {
    warn_(fmt::format("WARNING: {} packets to addresses outside of the scope were held back.",
                      counters.blocked));
  }
  if (counters.missed > 0) {
    warn_(fmt::format(
        "WARNING: {} received packets found no room here; what they said was asked again.",
        counters.missed));
  }
  targets.tell_left_out();
  if (options_.defeats_icmp_limit) {
    warn_(
        "WARNING: Some ports marked closed|filtered may actually be open. For more accurate "
        "results, do not use --defeat-icmp-ratelimit .");
  }
  totals_.tell_time();
  const auto closed = reports_.close(totals_);
  if (output_ && !closed) output_ = closed;
  if (!done || !output_) {
    complain(fmt::format("{}\nQUITTING!\n", (!done ? done.error() : output_.error()).message));
    return kFailed;
  }
  if (!engine_->was_stopped()) return 0;
  complain("Interrupted: of hosts that were not done, only what was found is told.\n");
  return static_cast<int>(ExitCode::Interrupted);
}

void AuditScan::take_host(HostReport&& report) {
  ++totals_.hosts;
  if (report.status == HostStatus::Up) ++totals_.up;
  if (report.mac) report.vendor = std::string{tables_.vendors().vendor(*report.mac)};
  has_news_ = true;
  check(reports_.add(report));
}

void AuditScan::check(const Result<void>& written) {
  if (written || !output_) return;
  output_ = written;
  // What cannot be written need not be found.
  engine_->stop();
}

void AuditScan::flush() {
  has_news_ = false;
  totals_.tell_time();
  totals_.is_running = true;
  check(reports_.flush(totals_));
  totals_.is_running = false;
}

void AuditScan::tick(Moment now) {
  if (has_news_ && now >= last_flush_ + kFlushEvery) {
    last_flush_ = now;
    flush();
  }
  const Moment every = options_.stats_every;
  if (every > Moment{0} && now >= last_progress_ + every) {
    // In step, but for those that were missed.
    last_progress_ = std::max(last_progress_ + every, now - every);
    tell_status();
  }
  if (progress_.is_long_task_due(now)) check(progress_.tell_long_task(engine_->progress(), now));
}

void AuditScan::tell_status() {
  const dataplane::PacketCounters counters = engine_->counters();
  check(progress_.tell_status({.progress = engine_->progress(),
                               .now = engine_->now(),
                               .packets = counters.sent,
                               .bytes = counters.sent_bytes}));
  has_news_ = true;
}

int AuditScan::take_keys() {
  bool asks = false;
  for (const char key : keys_->poll()) {
    const bool traced = progress_.traces();
    const int debugged = progress_.debugging();
    const auto taken = progress_.take_key(key);
    check(taken ? Result<void>{} : Failure{taken.error()});
    asks = asks || (taken && *taken);
    if (traced != progress_.traces())
      engine_->trace_to(tracer(), connection_tracer(), service_tracer(options_.version.is_traced));
    if ((debugged > 0) != (progress_.debugging() > 0)) engine_->debug_to(debugger());
  }
  if (asks) tell_status();
  return keys_->fd();
}

// Lines of packets are for the screen, and not for a report that has its place.
dataplane::RawNetwork::Trace AuditScan::tracer() {
  if (!progress_.traces() || !reports_.has_screen()) return {};
  return [this](bool is_sent, std::span<const std::byte> frame, bool has_header) {
    check(
        reports_.say(trace_line(is_sent, engine_->now(), frame, has_header, &tables_.protocols())));
  };
}

ConnectionPool::Trace AuditScan::connection_tracer() {
  if (!progress_.traces() || !reports_.has_screen()) return {};
  return [this](const IpAddress& host, std::uint16_t port, int error) {
    check(reports_.say(trace_connection_line(engine_->now(), host, port, error)));
  };
}

// Nmap's --packet-trace includes what --version-trace tells: what its event loop does on standard
// error, what comes of it on the screen.
std::function<void(std::string_view)> AuditScan::service_tracer(bool is_asked_for) {
  if (!progress_.traces() && !is_asked_for) return {};
  return [this](std::string_view line) {
    const std::string text = fmt::format("{}\n", printable(line));
    if (line.starts_with("NSOCK ")) {
      complain(text);
    } else {
      check(reports_.say(text));
    }
  };
}

std::function<void(std::string_view)> AuditScan::debugger() const {
  if (progress_.debugging() == 0) return {};
  return [](std::string_view text) { complain(fmt::format("{}\n", text)); };
}

AuditEngine::Hooks::Scripts AuditScan::script_hooks() {
  return {.loaded = [this](std::size_t count) { check(progress_.tell_scripts_loaded(count)); },
          .begun =
              [this](ScriptStage::Phase phase, const std::vector<std::string>& hosts) {
                check(progress_.tell_scripts_begun(phase, hosts));
              },
          .said =
              [this](const ScriptContext::Line& line) {
                const std::string text = fmt::format("NSE: {}\n", printable(line.text));
                if (line.stream == nse::HostContext::Stream::Errors) {
                  complain(text);
                } else {
                  check(reports_.say(text));
                }
              },
          .trace = service_tracer(options_.scripts.is_traced),
          .found =
              [this](ScriptStage::Phase phase, std::vector<ScriptReport>&& found) {
                check(reports_.add_scripts(phase == ScriptStage::Phase::Before, found));
                has_news_ = true;
              }};
}

AuditEngine::Hooks AuditScan::hooks() {
  return {
      .done = [this](HostReport&& report) { take_host(std::move(report)); },
      .warn = warn_,
      .tick = [this](Moment now) { tick(now); },
      .trace = tracer(),
      .trace_connection = connection_tracer(),
      .debug = debugger(),
      .task =
          [this](const AuditTask& task) {
            check(progress_.tell_task(task));
            has_news_ = true;
          },
      .up =
          [this](const HostReport& report) {
            HostReport known = report;
            if (known.mac) known.vendor = std::string{tables_.vendors().vendor(*known.mac)};
            check(reports_.hint(known));
            has_news_ = true;
          },
      .found = [this](const IpAddress& host,
                      const PortReport& port) { check(progress_.tell_port(host, port)); },
      .services =
          [this](const HostReport& host, std::size_t count) {
            check(progress_.tell_services(host, count));
            has_news_ = true;
          },
      .opened = [this](const service::ServicePort& port) { check(progress_.tell_opened(port)); },
      .trace_services = service_tracer(options_.version.is_traced),
      .os_try =
          [this](const HostReport& host, unsigned number) {
            check(progress_.tell_os_try(host, number));
            has_news_ = true;
          },
      .scripts = script_hooks(),
      .keys = [this] { return take_keys(); }};
}

}  // namespace trawl::control
