#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "control/pipeline/service_asker.h"
#include "service/nsock/loop.h"

namespace trawl::control {

// What a service thread asks with, on its own thread: version detection, or what a test has for it.
class ServiceWorker {
 public:
  struct Hooks {
    std::function<void(const service::ServicePort&, service::ServiceFinding&&)> done;
    std::function<void(std::string_view)> trace;
    std::function<void(std::string_view)> warn;
  };

  virtual ~ServiceWorker() = default;
  virtual void add(service::ServicePort port) = 0;
  virtual void drop(const IpAddress& host) = 0;
  // The same of a host that must not get a packet more: VersionScan::abandon().
  virtual void abandon(const IpAddress& host) { drop(host); }
  // Before each turn of the loop.
  virtual void turn() {}
};

// A thread with an event loop of its own, on which a worker asks ports. What takes long to prepare
// is prepared there too, while the engine looks for ports.
//
// Thread: as ServiceAsker; the worker is made, used and destroyed on the thread inside.
class ServiceThread final : public ServiceAsker {
 public:
  using Make =
      std::function<Result<std::unique_ptr<ServiceWorker>>(service::Loop&, ServiceWorker::Hooks)>;
  struct Settings {
    service::LoopOptions loop;     // But for its trace.
    Make make;                     // Where it fails, all ports are answered with that failure.
    std::vector<unsigned> cpus{};  // Where it runs; empty for anywhere.
    bool traces = false;
    std::chrono::steady_clock::time_point began;  // What times of a trace count from.
  };

  // Fails with Runtime when the kernel gives no descriptor.
  [[nodiscard]] static Result<std::unique_ptr<ServiceThread>> open(Settings settings);
  // Breaks off whatever is asked.
  ~ServiceThread() override;
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  void ask(std::vector<service::ServicePort> ports) override;
  void drop(const IpAddress& host) override;
  void trace(bool is_on) override;
  // Has the worker's turn() called soon.
  void wake() noexcept { loop_->wake(); }
  [[nodiscard]] News take() override;
  [[nodiscard]] int fd() const noexcept override { return event_; }

 private:
  // In the order in which the engine gave them.
  struct Order {
    enum class Kind { Ask, Drop, Trace };
    Kind kind = Kind::Ask;
    std::vector<service::ServicePort> ports{};
    IpAddress host{};
    bool is_on = false;
  };

  ServiceThread(Settings settings, std::unique_ptr<service::Loop> loop, int event);
  void give(Order order);
  void work();
  void wait_for_wake() const;
  void make_worker();
  void follow_orders();
  void set_trace(bool is_on);
  void say(std::string_view text);
  void answer(const service::ServicePort& port, service::ServiceFinding&& finding);
  // Adds to the news under the lock, and tells the engine of them.
  template <typename Add>
  void tell(const Add& add);

  Settings settings_;
  std::unique_ptr<service::Loop> loop_;
  std::unique_ptr<ServiceWorker> worker_;  // Of the thread, as what follows.
  std::string failure_;
  bool traces_ = false;
  std::mutex mutex_;
  std::vector<Order> orders_;
  News news_;
  bool has_told_ = false;
  bool is_over_ = false;
  int event_ = -1;
  std::thread thread_;
};

}  // namespace trawl::control
