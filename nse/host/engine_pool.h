#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "nse/engine/engine.h"
#include "nse/host/host_context.h"
#include "service/nsock/loop.h"

namespace trawl::nse {

// Engines side by side, each with a Lua state, a loop and an operating system thread of its own.
//
// The hosts of a group are dealt out to them, one after the other; scripts before and after all
// hosts run in the first. Between phases, and between groups of hosts, what one changed in
// nmap.registry becomes the same in all, as far as it is plain data (registry_merge.h): conflicts
// are won by the core of the highest number.
//
// One core is one engine on the caller's thread, and nothing is merged.
//
// Thread: one user; stop() from any, and with more than one core progress() too.
class EnginePool {
 public:
  struct Settings {
    std::size_t cores = 1;
    // Of each engine. With more than one core `result` and `note` are called on the thread of the
    // core whose host it is, one call at a time; `turned` on the caller's.
    EngineSettings engine{};
    std::vector<NativeModule> modules{};
    // Called on the thread of the core. Limits of sockets are of each core.
    std::function<Result<std::unique_ptr<service::Loop>>(std::size_t core)> loop{};
    // Where set, each engine gets the host module with a context of its own, which is asked on the
    // thread of its core.
    std::function<std::unique_ptr<HostContext>(std::size_t core)> context{};
    // Which hosts are dealt to a core, before their scripts run and with none when they are over;
    // on the core's thread. Its context should find no others: those belong to other threads.
    std::function<void(std::size_t core, std::span<ScriptHost* const>)> dealt{};
  };

  // Fails when an engine, a loop or a thread does.
  [[nodiscard]] static Result<std::unique_ptr<EnginePool>> open(Settings settings);
  // Needs no phase to run.
  ~EnginePool();
  EnginePool(const EnginePool&) = delete;
  EnginePool& operator=(const EnginePool&) = delete;

  // See Engine. The scripts are those of the first core.
  [[nodiscard]] Result<void> load(std::span<const ChosenScript> chosen);
  [[nodiscard]] const std::vector<std::unique_ptr<Script>>& scripts() const noexcept;
  [[nodiscard]] std::size_t cores() const noexcept;

  void run_before_hosts();
  void run_hosts(std::span<ScriptHost* const> hosts);
  void run_after_hosts();
  void stop() noexcept;
  // All cores together; of more than one as of 100 ms ago at most.
  [[nodiscard]] Engine::Progress progress(std::size_t slowest) const;
  // Sums; `most_at_once` is the sum of what each had. Needs no phase to run.
  [[nodiscard]] Engine::Statistics statistics() const noexcept;

 private:
  struct Impl;
  explicit EnginePool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trawl::nse
