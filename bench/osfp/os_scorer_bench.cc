// One host's fingerprint against all entries of an installed nmap-os-db: by OsScorer, with the
// picking of matches, and by a scorer that follows the Nmap book test by test; and what reading the
// file and making the scorer take, once a scan. Exits 77 without such a file.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "osfp/database/os_matches.h"
#include "osfp/database/os_scorer.h"
#include "osfp/database/os_summary.h"
#include "tests/osfp/database/sample.h"

namespace trawl::osfp {
namespace {

constexpr const char* kInstalled = "/usr/share/nmap/nmap-os-db";
constexpr std::size_t kHosts = 256;

const std::shared_ptr<const OsDatabase>& installed() {
  static const auto kDatabase = [] {
    auto read = read_os_database(kInstalled);
    return read ? std::make_shared<const OsDatabase>(std::move(*read)) : nullptr;
  }();
  return kDatabase;
}

// Hosts as they are measured: some answers missing, some unlike their entry.
const std::vector<Fingerprint>& hosts() {
  static const auto kFingerprints = [] {
    std::mt19937_64 random{1};
    std::vector<Fingerprint> made;
    const auto& entries = installed()->entries;
    for (std::size_t i = 0; i < kHosts; ++i) {
      const OsEntry& entry = entries[i * entries.size() / kHosts];
      made.push_back(draw_sample(*installed(), entry, Straying::Measured, random));
    }
    return made;
  }();
  return kFingerprints;
}

void scores_a_host(benchmark::State& state) {
  const OsScorer scorer{installed()};
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(scorer.score(hosts()[i++ % kHosts]));
}
BENCHMARK(scores_a_host)->Unit(benchmark::kMicrosecond);

void names_a_host(benchmark::State& state) {
  const OsScorer scorer{installed()};
  std::size_t i = 0;
  for (auto _ : state) {
    const auto matches = pick_matches(*installed(), scorer.score(hosts()[i++ % kHosts]));
    benchmark::DoNotOptimize(summarise(*installed(), matches, OsDetail::Plain));
  }
}
BENCHMARK(names_a_host)->Unit(benchmark::kMicrosecond);

void scores_a_host_plainly(benchmark::State& state) {
  std::size_t i = 0;
  for (auto _ : state) {
    const Fingerprint& host = hosts()[i++ % kHosts];
    for (const OsEntry& entry : installed()->entries) {
      benchmark::DoNotOptimize(score_plainly(*installed(), entry, host));
    }
  }
}
BENCHMARK(scores_a_host_plainly)->Unit(benchmark::kMicrosecond);

void reads_the_file(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(read_os_database(kInstalled));
}
BENCHMARK(reads_the_file)->Unit(benchmark::kMillisecond);

void makes_the_scorer(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(OsScorer{installed()});
}
BENCHMARK(makes_the_scorer)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace trawl::osfp

int main(int argc, char** argv) {
  if (!std::filesystem::exists(trawl::osfp::kInstalled)) {
    std::fputs("There is no /usr/share/nmap/nmap-os-db (Debian package nmap-common).\n", stderr);
    return 77;
  }
  if (trawl::osfp::installed() == nullptr) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
