#include "control/audit/engine/os_probe_thread.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <utility>

namespace trawl::control {
namespace {

constexpr int kNice = -19;

void signal_event(int event) noexcept {
  const std::uint64_t one = 1;
  (void)!::write(event, &one, sizeof(one));
}

void clear_event(int event) noexcept {
  std::uint64_t count = 0;
  (void)!::read(event, &count, sizeof(count));
}

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// A turn before whatever else this machine is busy with, as far as the kernel lets us; and sleeps
// that end when they shall. The loop watches the clock for moments only, so it starves nobody.
void prefer_this_thread() noexcept {
  (void)::prctl(PR_SET_TIMERSLACK, 1);
  sched_param least{};
  least.sched_priority = ::sched_get_priority_min(SCHED_RR);
  if (::pthread_setschedparam(::pthread_self(), SCHED_RR, &least) == 0) return;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

}  // namespace

Result<std::unique_ptr<OsProber>> OsProbeThread::open(OsProbeLoop::Settings settings, bool traces) {
  auto loop = OsProbeLoop::open(std::move(settings));
  if (!loop) return Failure{loop.error()};
  (*loop)->trace(traces);
  const int orders = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int news = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (orders < 0 || news < 0) {
    return fail(ExitCode::Runtime, fmt::format("eventfd: {}", std::strerror(errno)));
  }
  return std::unique_ptr<OsProber>{new OsProbeThread{std::move(*loop), orders, news}};
}

OsProbeThread::OsProbeThread(std::unique_ptr<OsProbeLoop> loop, int order_event, int news_event)
    : loop_{std::move(loop)}, order_event_{order_event}, news_event_{news_event} {
  // Signals are for the thread that scans.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

OsProbeThread::~OsProbeThread() {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  signal_event(order_event_);
  thread_.join();
  ::close(order_event_);
  ::close(news_event_);
}

void OsProbeThread::give(Order order) {
  {
    const std::lock_guard lock{mutex_};
    orders_.push_back(std::move(order));
  }
  signal_event(order_event_);
}

void OsProbeThread::ask(OsQuestion question) {
  give({.kind = Order::Kind::Ask, .question = std::move(question)});
}

void OsProbeThread::drop(std::uint64_t id) { give({.kind = Order::Kind::Drop, .id = id}); }

void OsProbeThread::trace(bool is_on) { give({.kind = Order::Kind::Trace, .is_on = is_on}); }

OsProber::News OsProbeThread::take() {
  const std::lock_guard lock{mutex_};
  if (std::exchange(has_told_, false)) clear_event(news_event_);
  const dataplane::PacketCounters counters = news_.counters;
  News news = std::exchange(news_, {});
  news_.counters = counters;
  return news;
}

void OsProbeThread::tell() {
  News news = loop_->take();
  const std::lock_guard lock{mutex_};
  append(news_.answers, std::move(news.answers));
  append(news_.packets, std::move(news.packets));
  append(news_.warnings, std::move(news.warnings));
  news_.counters = news.counters;
  if (!std::exchange(has_told_, true)) signal_event(news_event_);
}

// False when it is all over.
bool OsProbeThread::follow_orders() {
  std::vector<Order> orders;
  {
    const std::lock_guard lock{mutex_};
    if (is_over_) return false;
    orders.swap(orders_);
  }
  if (!orders.empty()) clear_event(order_event_);
  for (Order& order : orders) {
    switch (order.kind) {
      case Order::Kind::Ask: loop_->ask(std::move(order.question)); break;
      case Order::Kind::Drop: loop_->drop(order.id); break;
      case Order::Kind::Trace: loop_->trace(order.is_on); break;
    }
  }
  return true;
}

void OsProbeThread::work() {
  prefer_this_thread();
  while (follow_orders()) {
    loop_->turn(order_event_);
    if (loop_->has_news()) tell();
  }
}

}  // namespace trawl::control
