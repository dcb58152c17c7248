#include "control/pipeline/service_thread.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/cpus.h"

namespace trawl::control {
namespace {

constexpr int kLongestTurnMs = 200;
constexpr service::Wait kLongestTurn{std::chrono::milliseconds{kLongestTurnMs}};

}  // namespace

Result<std::unique_ptr<ServiceThread>> ServiceThread::open(Settings settings) {
  auto loop = service::Loop::open(settings.loop);
  if (!loop) return Failure{loop.error()};
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) {
    return fail(ExitCode::Runtime, fmt::format("eventfd: {}", std::strerror(errno)));
  }
  return std::unique_ptr<ServiceThread>{
      new ServiceThread{std::move(settings), std::move(*loop), event}};
}

ServiceThread::ServiceThread(Settings settings, std::unique_ptr<service::Loop> loop, int event)
    : settings_{std::move(settings)}, loop_{std::move(loop)}, event_{event} {
  // Signals are for the thread that scans.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ServiceThread::~ServiceThread() {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  loop_->wake();
  thread_.join();
  ::close(event_);
}

void ServiceThread::give(Order order) {
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(std::move(order));
  }
  loop_->wake();
}

void ServiceThread::ask(std::vector<service::ServicePort> ports) {
  give({.kind = Order::Kind::Ask, .ports = std::move(ports)});
}

void ServiceThread::drop(const IpAddress& host) { give({.kind = Order::Kind::Drop, .host = host}); }

void ServiceThread::trace(bool is_on) { give({.kind = Order::Kind::Trace, .is_on = is_on}); }

ServiceAsker::News ServiceThread::take() {
  const std::lock_guard lock{mutex_};
  if (!has_told_) return {};
  has_told_ = false;
  std::uint64_t count = 0;
  (void)!::read(event_, &count, sizeof(count));
  return std::exchange(news_, {});
}

template <typename Add>
void ServiceThread::tell(const Add& add) {
  const std::lock_guard lock{mutex_};
  add(news_);
  if (std::exchange(has_told_, true)) return;
  const std::uint64_t one = 1;
  (void)!::write(event_, &one, sizeof(one));
}

void ServiceThread::answer(const service::ServicePort& port, service::ServiceFinding&& finding) {
  tell([&](News& news) { news.answers.push_back({port, std::move(finding)}); });
}

void ServiceThread::say(std::string_view text) {
  tell([text](News& news) { news.trace.emplace_back(text); });
}

void ServiceThread::set_trace(bool is_on) {
  traces_ = is_on;
  if (!is_on) {
    loop_->trace_to({});
    return;
  }
  loop_->trace_to([this](std::string_view text) {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - settings_.began;
    say(fmt::format("NSOCK INFO [{:.4f}s] {}", time.count(), text));
  });
}

void ServiceThread::make_worker() {
  auto made = settings_.make(
      *loop_,
      {.done = [this](const service::ServicePort& port,
                      service::ServiceFinding&& finding) { answer(port, std::move(finding)); },
       .trace =
           [this](std::string_view text) {
             if (traces_) say(text);
           },
       .warn =
           [this](std::string_view text) {
             tell([text](News& news) { news.warnings.emplace_back(text); });
           }});
  if (made) {
    worker_ = std::move(*made);
    return;
  }
  failure_ = made.error().message;
  tell([this](News& news) {
    news.warnings.push_back(fmt::format("Version detection is not possible: {}", failure_));
  });
}

void ServiceThread::follow_orders() {
  std::vector<Order> orders;
  {
    const std::lock_guard lock{mutex_};
    orders.swap(orders_);
  }
  for (Order& order : orders) {
    switch (order.kind) {
      case Order::Kind::Ask:
        for (service::ServicePort& port : order.ports) {
          if (worker_) {
            worker_->add(std::move(port));
          } else {
            service::ServiceFinding failed;
            failed.outcome = service::ServiceFinding::Outcome::Failed;
            failed.trouble = failure_;
            answer(port, std::move(failed));
          }
        }
        break;
      case Order::Kind::Drop:
        if (worker_) worker_->drop(order.host);
        break;
      case Order::Kind::Trace: set_trace(order.is_on); break;
    }
  }
}

// Where nothing is pending a turn may be over at once.
void ServiceThread::wait_for_wake() const {
  pollfd ready{.fd = loop_->fd(), .events = POLLIN, .revents = 0};
  (void)::poll(&ready, 1, kLongestTurnMs);
}

void ServiceThread::work() {
  run_on(settings_.cpus);
  set_trace(settings_.traces);
  make_worker();
  for (;;) {
    follow_orders();
    {
      const std::lock_guard lock{mutex_};
      if (is_over_) break;
    }
    if (worker_) worker_->turn();
    if (!loop_->turn(kLongestTurn)) wait_for_wake();
  }
  loop_->trace_to({});
  worker_.reset();
}

}  // namespace trawl::control
