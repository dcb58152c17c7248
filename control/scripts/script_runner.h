#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/scripts/audited_host.h"
#include "control/scripts/script_context.h"
#include "nse/engine/engine.h"
#include "nse/host/engine_pool.h"

namespace trawl::control {

// Scripts on threads of their own, beside an audit: before its hosts, for groups of hosts, and
// after all of them, one after the other as it is told.
//
// Thread: one user.
class ScriptRunner {
 public:
  struct Settings {
    nse::EngineSettings engine{};  // But for what it calls.
    std::vector<nse::ChosenScript> chosen{};
    unsigned cores = 1;  // Lua states, each with a thread of its own, that hosts are dealt to.
    ScriptScope scope{};
    service::LoopOptions loop{};       // But for its trace.
    const PortNames* names = nullptr;  // Outlives the runner.
    bool is_quiet = false;             // What scripts find is of no interest, but what they change.
    bool tells_notes = false;          // Which scripts begin and end, and their errors.
    bool traces = false;               // What sockets do.
  };
  enum class Phase : std::uint8_t { Before, Hosts, After };
  // What came since the last look.
  struct News {
    std::vector<ScriptedHost> hosts;     // Their scripts are over.
    std::vector<ScriptReport> findings;  // Of no host.
    std::vector<Phase> over;             // In this order.
    std::vector<std::string> debug;      // Lines without their line feed.
    std::vector<std::string> trace;      // Likewise.
    ScriptContext::Said said;
  };

  // Loads the scripts. Fails where one cannot be loaded.
  [[nodiscard]] static Result<std::unique_ptr<ScriptRunner>> open(Settings settings);
  // Breaks off what runs.
  ~ScriptRunner();
  ScriptRunner(const ScriptRunner&) = delete;
  ScriptRunner& operator=(const ScriptRunner&) = delete;

  // What the files say of themselves. Their `factory` means nothing here.
  [[nodiscard]] const std::vector<nse::Script>& scripts() const noexcept { return scripts_; }
  // They complete what version detection says, and tell nothing themselves.
  [[nodiscard]] bool is_quiet() const noexcept { return settings_.is_quiet; }
  // The phases are run in the order in which they are asked for.
  void run_before_hosts() { give({Phase::Before, {}}); }
  void run(std::vector<ScriptedHost> hosts) { give({Phase::Hosts, std::move(hosts)}); }
  void run_after_hosts() { give({Phase::After, {}}); }
  // What runs against that host ends soon, and its results are of no use.
  void drop(std::uint64_t host);
  // What runs ends soon, with what it has found; nothing more begins.
  void stop() noexcept;
  [[nodiscard]] News take();
  // Targets that scripts have added are not new any more.
  void heed_targets();
  // Of the phase that runs.
  [[nodiscard]] nse::Engine::Progress progress() const;
  // Readable while there is news.
  [[nodiscard]] int fd() const noexcept { return event_; }

 private:
  struct Order {
    Phase phase = Phase::Before;
    std::vector<ScriptedHost> hosts{};
  };

  ScriptRunner(Settings settings, int event);
  void give(Order order);
  void work(std::promise<Result<void>> loaded);
  [[nodiscard]] Result<void> make_engines();
  [[nodiscard]] Result<std::unique_ptr<service::Loop>> make_loop();
  void follow(Order order);
  void take_result(const nse::ScriptResult& result);
  void take_note(const nse::ScriptNote& note);
  void turned();
  void ring() noexcept;

  Settings settings_;
  std::vector<nse::Script> scripts_;
  std::vector<ScriptContext*> contexts_;  // Of each engine; they are the pool's.
  // Of the thread.
  std::unique_ptr<nse::EnginePool> engines_;
  std::vector<std::unique_ptr<AuditedHost>> hosts_;
  std::chrono::steady_clock::time_point told_;  // Its progress.

  std::atomic<bool> is_stopped_ = false;
  mutable std::mutex mutex_;
  std::condition_variable has_orders_;
  std::deque<Order> orders_;
  News news_;
  nse::Engine::Progress progress_;
  std::map<std::uint64_t, AuditedHost*> running_;  // Of the phase that runs, by their numbers.
  bool is_over_ = false;
  int event_ = -1;
  std::thread thread_;
};

}  // namespace trawl::control
