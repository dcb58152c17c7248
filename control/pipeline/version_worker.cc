#include "control/pipeline/version_worker.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "control/survey/text.h"
#include "service/match/cache_file.h"
#include "service/match/match_engine.h"

namespace trawl::control {
namespace {

using Problems = std::vector<service::ProbeFileProblem>;

constexpr std::size_t kMostProblems = 20;  // Told of.

// Version detection on a thread of services.
class VersionWorker final : public ServiceWorker {
 public:
  VersionWorker(service::Loop& loop, const std::shared_ptr<const service::ProbeFile>& file,
                std::shared_ptr<const service::MatchEngine> engine,
                service::VersionSettings settings, bool keeps_responses, Hooks hooks)
      : path_{file->path},
        keeps_responses_{keeps_responses},
        engine_{engine},
        hooks_{std::move(hooks)},
        scan_{loop,
              file,
              std::move(engine),
              std::move(settings),
              {.done =
                   [this](const service::ServicePort& port, service::ServiceFinding&& finding) {
                     tell_of_patterns();
                     if (!keeps_responses_) finding.evidence.response = {};
                     hooks_.done(port, std::move(finding));
                   },
               .trace = hooks_.trace,
               .warn = hooks_.warn}} {}

  void add(service::ServicePort port) override { scan_.add(std::move(port)); }
  void drop(const IpAddress& host) override { scan_.drop(host); }
  void abandon(const IpAddress& host) override { scan_.abandon(host); }

 private:
  // Those that took too long since the last time: each line once.
  void tell_of_patterns() {
    if (engine_->statistics().given_up == given_up_ || lines_told_ >= kMostProblems) return;
    given_up_ = engine_->statistics().given_up;
    const Problems all = engine_->given_up();
    for (; lines_told_ < std::min(all.size(), kMostProblems); ++lines_told_) {
      tell_problems(path_, {all[lines_told_]}, hooks_.warn);
    }
  }

  std::string path_;
  bool keeps_responses_;
  std::shared_ptr<const service::MatchEngine> engine_;
  Hooks hooks_;
  std::uint64_t given_up_ = 0;
  std::size_t lines_told_ = 0;
  service::VersionScan scan_;
};

// Patterns that the first thread to want them makes ready.
class SharedPatterns {
 public:
  using Engine = std::shared_ptr<const service::MatchEngine>;

  explicit SharedPatterns(std::shared_ptr<const service::ProbeFile> file)
      : file_{std::move(file)} {}

  Result<Engine> get(const std::function<void(std::string_view)>& warn) {
    const std::lock_guard lock{mutex_};
    if (!made_) {
      auto opened =
          service::MatchEngine::open(file_, {.cache_folder = service::default_cache_folder()});
      if (!opened) return Failure{opened.error()};
      made_ = Engine{std::move(*opened)};
      tell_problems(file_->path, made_->problems(), warn);
    }
    return made_;
  }

 private:
  std::shared_ptr<const service::ProbeFile> file_;
  std::mutex mutex_;
  Engine made_;
};

}  // namespace

void tell_problems(const std::string& path, const Problems& problems,
                   const std::function<void(std::string_view)>& warn) {
  const std::size_t told = std::min(problems.size(), kMostProblems);
  for (std::size_t i = 0; i < told; ++i) {
    warn(printable(fmt::format("{}:{}: {}", path, problems[i].line, problems[i].reason)));
  }
  if (problems.size() > told) {
    warn(printable(fmt::format("{}: {} more lines are wrong.", path, problems.size() - told)));
  }
}

std::size_t half_of_descriptors() noexcept {
  constexpr std::size_t kLeast = 16;
  constexpr rlim_t kMost = 1U << 20U;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeast;
  return std::max(static_cast<std::size_t>(std::min(limit.rlim_cur, kMost)) / 2, kLeast);
}

ServiceThread::Make version_workers(std::shared_ptr<const service::ProbeFile> file,
                                    service::VersionSettings settings, bool keeps_responses) {
  const auto patterns = std::make_shared<SharedPatterns>(file);
  return [file = std::move(file), settings = std::move(settings), keeps_responses, patterns](
             service::Loop& loop,
             ServiceWorker::Hooks hooks) -> Result<std::unique_ptr<ServiceWorker>> {
    auto engine = patterns->get(hooks.warn);
    if (!engine) return Failure{engine.error()};
    return std::make_unique<VersionWorker>(loop, file, std::move(*engine), settings,
                                           keeps_responses, std::move(hooks));
  };
}

}  // namespace trawl::control
