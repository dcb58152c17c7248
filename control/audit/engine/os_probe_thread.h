#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "control/audit/engine/os_probe_loop.h"
#include "control/audit/engine/os_prober.h"

namespace trawl::control {

// A thread with an OsProbeLoop, so that what the engine does (reports, gateways, names) delays no
// probe. It asks the kernel to prefer it to others of this machine, where it may.
//
// Thread: as OsProber.
class OsProbeThread final : public OsProber {
 public:
  // Fails with Device when raw packets are impossible.
  [[nodiscard]] static Result<std::unique_ptr<OsProber>> open(OsProbeLoop::Settings settings,
                                                              bool traces);
  ~OsProbeThread() override;
  OsProbeThread(const OsProbeThread&) = delete;
  OsProbeThread& operator=(const OsProbeThread&) = delete;

  void ask(OsQuestion question) override;
  void drop(std::uint64_t id) override;
  void trace(bool is_on) override;
  [[nodiscard]] News take() override;
  [[nodiscard]] int fd() const noexcept override { return news_event_; }

 private:
  // In the order in which the engine gave them.
  struct Order {
    enum class Kind { Ask, Drop, Trace };
    Kind kind = Kind::Ask;
    OsQuestion question{};
    std::uint64_t id = 0;
    bool is_on = false;
  };

  OsProbeThread(std::unique_ptr<OsProbeLoop> loop, int order_event, int news_event);
  void give(Order order);
  void work();
  [[nodiscard]] bool follow_orders();
  void tell();

  std::unique_ptr<OsProbeLoop> loop_;  // Of the thread.
  int order_event_ = -1;
  int news_event_ = -1;
  std::mutex mutex_;
  std::vector<Order> orders_;
  News news_;
  bool has_told_ = false;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace trawl::control
