// Responses made from the lines of an installed nmap-service-probes: which line each is, by the
// prefilter and PCRE2 against all lines in order by PCRE2 alone, in turn. Exits 1 when an answer
// differs, or a group is less than 50 times as fast; 77 without such a file.
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "service/match/match_engine.h"
#include "tests/service/match/response_generator.h"

namespace trawl::service {
namespace {

constexpr const char* kInstalled = "/usr/share/nmap/nmap-service-probes";
constexpr double kAsked = 50;
constexpr int kRounds = 5;
constexpr int kWholeRounds = 3;  // Of opening an engine.

// Milliseconds of this thread on a processor: others may be busy too.
double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Engines {
  std::unique_ptr<MatchEngine> fast, plain;
};

std::unique_ptr<MatchEngine> open(const std::shared_ptr<const ProbeFile>& file,
                                  const std::string& cache_folder, bool uses_prefilter) {
  auto engine = MatchEngine::open(file, {.cache_folder = cache_folder,
                                         .deadline = std::chrono::milliseconds{0},
                                         .uses_prefilter = uses_prefilter});
  return engine ? std::move(*engine) : nullptr;
}

// Cold, then from the cache.
std::unique_ptr<MatchEngine> time_opening(const std::shared_ptr<const ProbeFile>& file) {
  std::string folder = (std::filesystem::temp_directory_path() / "trawl-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return nullptr;
  std::vector<double> cold, cached;
  std::unique_ptr<MatchEngine> engine;
  std::uintmax_t bytes = 0;
  for (int round = 0; round < kWholeRounds; ++round) {
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
      std::filesystem::remove(entry.path());
    }
    for (std::vector<double>* times : {&cold, &cached}) {
      const double began = cpu_now();
      engine = open(file, folder, true);
      times->push_back((cpu_now() - began));
      if (!engine || engine->statistics().from_cache != (times == &cached)) return nullptr;
    }
    bytes = std::filesystem::file_size(*std::filesystem::directory_iterator{folder});
  }
  std::filesystem::remove_all(folder);
  std::printf("opening: %.0f ms cold, %.1f ms from a cache of %.1f MB\n", median(cold),
              median(cached), static_cast<double>(bytes) / 1e6);
  return engine;
}

bool is_same(const std::optional<LineMatch>& a, const std::optional<LineMatch>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->probe == b->probe && a->index == b->index && a->fields == b->fields &&
         a->cpes == b->cpes && a->service == b->service;
}

// Every line of the file once, and a response like it but changed. How many answers differ.
std::size_t compare_all(const ProbeFile& file, const Engines& engines) {
  ResponseGenerator generator{1};
  std::size_t asked = 0, matched = 0, wrong = 0;
  for (std::size_t probe = 0; probe < file.probes.size(); ++probe) {
    for (const MatchLine& line : file.probes[probe].matches) {
      const std::string made = generator.make(line);
      for (const std::string& response : {made, generator.mutate(made)}) {
        const MatchRequest request{.probe = probe, .response = response};
        const auto answer = engines.fast->match(request);
        ++asked;
        if (answer) ++matched;
        if (!is_same(answer, engines.plain->match(request))) ++wrong;
      }
    }
  }
  std::printf("all probes: %zu responses, %zu matched, %zu answers differ\n", asked, matched,
              wrong);
  return wrong;
}

double time_engine(const MatchEngine& engine, std::size_t probe,
                   const std::vector<std::string>& responses) {
  const double began = cpu_now();
  for (const std::string& response : responses) {
    const auto match = engine.match({.probe = probe, .response = response});
    // So that it is not left out.
    if (match && match->probe > probe + 1000) std::abort();
  }
  return (cpu_now() - began) * 1000 / static_cast<double>(responses.size());
}

// How many times as fast the prefilter is.
double compare_group(const ProbeFile& file, const Engines& engines, std::string_view name) {
  const auto probe = static_cast<std::size_t>(
      std::find_if(file.probes.begin(), file.probes.end(),
                   [name](const Probe& each) { return each.name == name; }) -
      file.probes.begin());
  if (probe == file.probes.size()) return 0;
  ResponseGenerator generator{2};
  std::vector<std::string> responses;
  std::size_t bytes = 0;
  for (const MatchLine& line : file.probes[probe].matches) {
    responses.push_back(generator.make(line));
    bytes += responses.back().size();
  }
  const auto tried_before = engines.fast->statistics().candidates;
  std::vector<double> fast, plain;
  for (int round = 0; round < kRounds; ++round) {
    fast.push_back(time_engine(*engines.fast, probe, responses));
    plain.push_back(time_engine(*engines.plain, probe, responses));
  }
  const auto tried = static_cast<double>(engines.fast->statistics().candidates - tried_before);
  const double ratio = median(plain) / median(fast);
  std::printf(
      "%-12s %zu responses of %zu bytes on average: %.2f us, %.1f lines tried; in order "
      "%.1f us; %.0f times as fast, asked %.0f\n",
      file.probes[probe].name.c_str(), responses.size(), bytes / responses.size(), median(fast),
      tried / kRounds / static_cast<double>(responses.size()), median(plain), ratio, kAsked);
  return ratio;
}

int run() {
  auto read = read_probe_file(kInstalled);
  if (!read) {
    std::printf("no %s here\n", kInstalled);
    return 77;
  }
  const auto file = std::make_shared<const ProbeFile>(std::move(*read));
  Engines engines;
  engines.fast = time_opening(file);
  engines.plain = open(file, "", false);
  if (!engines.fast || !engines.plain) {
    std::printf("the engine could not be opened, or not from its cache\n");
    return 1;
  }
  // Which also compiles every line, so that no time is for that.
  bool is_good = compare_all(*file, engines) == 0;
  for (const std::string_view name : {"GetRequest", "NULL"}) {
    is_good = compare_group(*file, engines, name) >= kAsked && is_good;
  }
  return is_good ? 0 : 1;
}

}  // namespace
}  // namespace trawl::service

int main() { return trawl::service::run(); }
