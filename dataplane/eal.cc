#include "dataplane/eal.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

namespace trawl::dataplane {
namespace {

// DPDK logs to a stream; this one keeps the last lines in memory instead of printing them.
class LogCapture {
 public:
  LogCapture() {
    cookie_io_functions_t functions{};
    functions.write = &LogCapture::write;
    stream_ = fopencookie(this, "w", functions);
    setvbuf(stream_, nullptr, _IOLBF, 512);
    rte_openlog_stream(stream_);
  }
  [[nodiscard]] std::string last_line() const { return last_; }

 private:
  static ssize_t write(void* self, const char* text, std::size_t size) {
    std::string_view line{text, size};
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    const std::size_t start = line.rfind('\n');
    if (start != std::string_view::npos) line.remove_prefix(start + 1);
    if (!line.empty()) static_cast<LogCapture*>(self)->last_ = std::string{line};
    return static_cast<ssize_t>(size);
  }
  std::FILE* stream_ = nullptr;
  std::string last_;
};

LogCapture& log_capture() {
  static LogCapture capture;
  return capture;
}

struct Polling {
  bool started = false;
  std::vector<unsigned> lcores;
  std::vector<std::function<void()>> bodies;
};

Polling& polling() {
  static Polling instance;
  return instance;
}

int run_body(void* body) {
  (*static_cast<std::function<void()>*>(body))();
  return 0;
}

// The most bytes free in hugepages of one size.
std::uint64_t free_huge_bytes() {
  std::uint64_t most = 0;
  std::error_code ignored;
  for (const auto& size :
       std::filesystem::directory_iterator{"/sys/kernel/mm/hugepages", ignored}) {
    unsigned long kibibytes = 0;
    if (std::sscanf(size.path().filename().c_str(), "hugepages-%lukB", &kibibytes) != 1) continue;
    std::ifstream file{size.path() / "free_hugepages"};
    std::uint64_t pages = 0;
    file >> pages;
    most = std::max(most, pages * kibibytes * 1024);
  }
  return most;
}

// Lcore 0 is the control thread, on every allowed CPU; lcore n+1 is polling thread n.
std::string lcore_map(const std::vector<unsigned>& polling_cpus) {
  std::string all;
  for (const unsigned cpu : allowed_cpus()) all += fmt::format("{}{}", all.empty() ? "" : ",", cpu);
  std::string map = fmt::format("0@({})", all);
  for (std::size_t i = 0; i < polling_cpus.size(); ++i) {
    map += fmt::format(",{}@{}", i + 1, polling_cpus[i]);
  }
  return map;
}

std::vector<std::string> eal_arguments(const EalOptions& options) {
  const std::uint64_t mebibytes = options.memory.count() >> 20U;
  // Shared-file mode needs a mounted hugetlbfs; memif copies, so plain memory serves it as well.
  const bool shared = options.link.needs_multiprocess();
  const bool huge = !shared && free_huge_bytes() >= options.memory.count();
  std::vector<std::string> arguments{"trawl",         "--no-telemetry",
                                     "--log-level=4", "--main-lcore=0",
                                     "--lcores",      lcore_map(options.polling_cpus)};
  if (shared) {
    arguments.push_back(fmt::format("--file-prefix=trawl{}", getpid()));
  } else if (huge) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.emplace_back("--no-shconf");
  }
  // With hugepages DPDK takes what it needs as it goes; without, it wants to know beforehand.
  if (!huge) arguments.insert(arguments.end(), {"--no-huge", "-m", std::to_string(mebibytes)});
  if (options.link.kind == LinkKind::Pci) {
    arguments.insert(arguments.end(), {"-a", options.link.text});
  } else {
    arguments.emplace_back("--no-pci");
    arguments.emplace_back("--iova-mode=va");
  }
  return arguments;
}

}  // namespace

Result<void> Eal::start(const EalOptions& options) {
  (void)log_capture();
  // They report on standard error what the caller learns from the return value anyway.
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);
  std::vector<std::string> arguments = eal_arguments(options);
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return fail(
        ExitCode::Device,
        fmt::format("DPDK did not start ({}): {}; run as root or with CAP_NET_RAW, "
                    "CAP_NET_ADMIN and CAP_IPC_LOCK, and check that {} MiB are free",
                    rte_strerror(rte_errno), last_log_line(), options.memory.count() >> 20U));
  }
  polling().started = true;
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) { polling().lcores.push_back(lcore); }
  polling().bodies.resize(polling().lcores.size());
  return {};
}

void Eal::stop() noexcept {
  if (std::exchange(polling().started, false)) rte_eal_cleanup();
}

void Eal::launch(unsigned index, std::function<void()> body) {
  polling().bodies[index] = std::move(body);
  rte_eal_remote_launch(run_body, &polling().bodies[index], polling().lcores[index]);
}

void Eal::join() {
  for (const unsigned lcore : polling().lcores) rte_eal_wait_lcore(lcore);
}

std::string Eal::last_log_line() { return log_capture().last_line(); }

}  // namespace trawl::dataplane
