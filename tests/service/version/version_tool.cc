// version_tool PROBES HOST PORT[/udp]... [--strict] [--trace] [--intensity=N]: asks ports and
// prints what they are. For people who look into version detection; tests use it too.

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "service/version/version_scan.h"

namespace {

using namespace trawl;
using namespace trawl::service;

constexpr std::string_view kOutcomes[] = {"excluded", "silent",  "unknown", "soft",
                                          "matched",  "wrapped", "failed",  "incomplete"};

void print(const ServicePort& port, const ServiceFinding& finding) {
  fmt::print("{}/{} {} {}{}|{}|{}|{}|{}|{}|{}", port.port,
             port.transport == Transport::Tcp ? "tcp" : "udp",
             kOutcomes[static_cast<std::size_t>(finding.outcome)], finding.is_tls ? "ssl/" : "",
             finding.name, finding.product, finding.version, finding.info, finding.hostname,
             finding.os, finding.device);
  for (const std::string& cpe : finding.cpes) fmt::print("|{}", cpe);
  if (finding.rpc)
    fmt::print("|rpc {} {}-{}", finding.rpc->number, finding.rpc->low, finding.rpc->high);
  if (!finding.trouble.empty()) fmt::print(" ({})", finding.trouble);
  if (finding.answered) fmt::print(" answered");
  fmt::print("\n");
  if (!finding.fingerprint.empty()) fmt::print("{}\n", finding.fingerprint);
}

struct Asked {
  VersionSettings settings;
  bool traces = false;
  std::vector<ServicePort> ports;
};

Asked read_arguments(int count, char** values) {
  Asked asked;
  const auto host = IpAddress::parse(values[2]);
  if (!host) std::exit(2);
  for (int at = 3; at < count; ++at) {
    const std::string_view word = values[at];
    if (word == "--strict") {
      asked.settings.is_strict = true;
    } else if (word == "--trace") {
      asked.traces = true;
    } else if (word.starts_with("--intensity=")) {
      asked.settings.intensity = static_cast<unsigned>(std::atoi(values[at] + 12));
    } else {
      ServicePort port;
      port.host = *host;
      port.port = static_cast<std::uint16_t>(std::atoi(values[at]));
      if (word.ends_with("/udp")) port.transport = Transport::Udp;
      asked.ports.push_back(std::move(port));
    }
  }
  return asked;
}

}  // namespace

int main(int count, char** values) {
  if (count < 4) return 2;
  const auto began = std::chrono::steady_clock::now();
  const auto trace = [began](std::string_view kind, std::string_view text) {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
    if (kind.empty()) {
      fmt::print("{}\n", text);
    } else {
      fmt::print("{} [{:.4f}s] {}\n", kind, time.count(), text);
    }
  };
  Asked asked = read_arguments(count, values);
  auto read = read_probe_file(values[1]);
  if (!read) return fmt::print(stderr, "{}\n", read.error().message), 1;
  const auto file = std::make_shared<const ProbeFile>(std::move(*read));
  auto engine = MatchEngine::open(file, {});
  if (!engine) return fmt::print(stderr, "{}\n", engine.error().message), 1;
  auto loop = Loop::open({});
  if (!loop) return fmt::print(stderr, "{}\n", loop.error().message), 1;
  VersionScan::Hooks hooks;
  hooks.done = [](const ServicePort& port, ServiceFinding&& finding) { print(port, finding); };
  if (asked.traces) {
    (*loop)->trace_to([&](std::string_view text) { trace("NSOCK INFO", text); });
    hooks.trace = [&](std::string_view text) { trace("", text); };
  }
  VersionScan scan{**loop, file, std::move(*engine), asked.settings, std::move(hooks)};
  for (ServicePort& port : asked.ports) scan.add(std::move(port));
  while (scan.pending() > 0) (void)(*loop)->turn(std::chrono::milliseconds{100});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("took {:.2f} s\n", took.count());
  return 0;
}
