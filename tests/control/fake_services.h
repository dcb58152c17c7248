#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "control/pipeline/service_thread.h"

namespace trawl::control {

// What all fake workers of a test saw.
struct FakeRecord {
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> most_at_once{0};
};

// Answers ports in their order, some in each turn of the loop: "ssh" with a banner, but for port
// kKept, which it keeps until its host is dropped.
class FakeServices final : public ServiceWorker {
 public:
  static constexpr std::uint16_t kKept = 9;

  FakeServices(service::Loop& loop, Hooks hooks, FakeRecord& record, std::size_t a_turn)
      : loop_{loop}, hooks_{std::move(hooks)}, record_{record}, a_turn_{a_turn} {}

  // Of a ServiceTier; `record` must outlive it.
  static ServiceThread::Make maker(FakeRecord& record, std::size_t a_turn) {
    return [&record, a_turn](service::Loop& loop,
                             ServiceWorker::Hooks hooks) -> Result<std::unique_ptr<ServiceWorker>> {
      return std::make_unique<FakeServices>(loop, std::move(hooks), record, a_turn);
    };
  }

  void add(service::ServicePort port) override {
    ++record_.asked;
    if (port.port == kKept) return;
    ports_.push_back(std::move(port));
    const std::uint64_t now = ports_.size();
    if (now > record_.most_at_once.load()) record_.most_at_once.store(now);
    arm();
  }
  void drop(const IpAddress& host) override {
    ++record_.dropped;
    std::erase_if(ports_, [&](const service::ServicePort& port) { return port.host == host; });
  }

 private:
  void arm() {
    if (std::exchange(is_armed_, true)) return;
    (void)loop_.timer(service::Wait{1}, [this](const service::Event&) {
      is_armed_ = false;
      for (std::size_t i = 0; i < a_turn_ && !ports_.empty(); ++i) {
        const service::ServicePort port = ports_.front();
        ports_.pop_front();
        service::ServiceFinding finding;
        finding.outcome = service::ServiceFinding::Outcome::Matched;
        finding.name = "ssh";
        finding.evidence.response = "SSH-2.0-fake\r\n";
        finding.answered = true;
        hooks_.done(port, std::move(finding));
      }
      if (!ports_.empty()) arm();
    });
  }

  service::Loop& loop_;
  Hooks hooks_;
  FakeRecord& record_;
  std::size_t a_turn_;
  std::deque<service::ServicePort> ports_;
  bool is_armed_ = false;
};

}  // namespace trawl::control
