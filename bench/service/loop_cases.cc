#include "bench/service/loop_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "bench/service/banner_server.h"
#include "bench/service/bench_namespace.h"
#include "bench/service/case_report.h"
#include "bench/service/minimal_loop.h"
#include "bench/service/uring_loop.h"
#include "service/nsock/loop.h"

namespace trawl::service_bench {
namespace {

using service::Endpoint;
using service::Event;
using service::EventStatus;
using service::Loop;
using service::SocketId;
using service::Wait;

constexpr double kMostMegabytes = 300;
constexpr double kLatestMs = 5;
constexpr double kLeastRatio = 0.7;
constexpr double kMegabyte = 1024.0 * 1024.0;
constexpr Wait kTimeout = std::chrono::seconds{30};

// Connections one after the other, so many at a time.
class Runner {
 public:
  Runner(Loop& loop, std::uint16_t port, std::uint64_t connections)
      : loop_{&loop}, port_{port}, left_{connections} {}

  bool run(unsigned at_once) {
    for (unsigned i = 0; i < at_once; ++i) begin();
    loop_->run();
    return works_;
  }

 private:
  void begin() {
    if (left_ == 0 || !works_) return;
    --left_;
    const SocketId socket = loop_->new_socket();
    const Endpoint to{.ip = Ipv4Address{loopback_address(begun_++)}, .port = port_};
    loop_->connect_tcp(socket, to, kTimeout, [this, socket](const Event& event) {
      if (event.status != EventStatus::Success) {
        works_ = false;
        return;
      }
      loop_->read(socket, kTimeout, [this](const Event& read) { end(read); });
    });
  }

  void end(const Event& event) {
    works_ = works_ && event.status == EventStatus::Success && !event.bytes.empty();
    loop_->close(event.socket);
    begin();
  }

  Loop* loop_;
  std::uint16_t port_;
  std::uint64_t left_;
  std::uint64_t begun_ = 0;
  bool works_ = true;
};

// Connections that are held and read from, and timers meanwhile.
class Holder {
  using Clock = std::chrono::steady_clock;
  struct Look {
    Clock::time_point at;
    std::chrono::nanoseconds waited;
  };

 public:
  Holder(Loop& loop, std::uint16_t port) : loop_{&loop}, port_{port} {}

  // False where one of them fails.
  bool connect(std::uint64_t connections) {
    for (std::uint64_t i = 0; i < connections; ++i) {
      const SocketId socket = loop_->new_socket();
      const Endpoint to{.ip = Ipv4Address{loopback_address(i)}, .port = port_};
      loop_->connect_tcp(socket, to, kTimeout, [this, socket](const Event& event) {
        works_ = works_ && event.status == EventStatus::Success;
        ++connected_;
        read(socket);
      });
    }
    while (connected_ < connections && works_) loop_->turn(kTimeout);
    return works_;
  }

  void start_timers(unsigned timers) {
    for (unsigned i = 0; i < timers; ++i) set_timer();
  }
  // How late the latest timer was meanwhile, in milliseconds: by the clock, and without the time in
  // which the loop could have gone on, and the processor had others to do.
  struct Lateness {
    double by_clock = 0;
    double own = 0;
  };
  Lateness hold(double seconds) {
    latest_ = {};
    latest_own_ = {};
    looks_.assign(1, {Clock::now(), time_without_processor()});
    loop_->timer(std::chrono::duration_cast<Wait>(std::chrono::duration<double>{seconds}),
                 [this](const Event&) { loop_->stop(); });
    loop_->run();
    return {.by_clock = std::chrono::duration<double, std::milli>{latest_}.count(),
            .own = std::chrono::duration<double, std::milli>{latest_own_}.count()};
  }
  [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }

 private:
  void read(SocketId socket) {
    loop_->read(socket, kTimeout, [this](const Event& event) {
      if (event.status != EventStatus::Success) return;
      ++reads_;
      read(event.socket);
    });
  }
  void set_timer() {
    const Wait delay{std::uniform_int_distribution<int>{100, 50'000}(random_)};
    const auto due = Clock::now() + delay;
    loop_->timer(delay, [this, due](const Event&) {
      take_time(due);
      set_timer();
    });
  }
  void take_time(Clock::time_point due) {
    const Look now{Clock::now(), time_without_processor()};
    const auto late = now.at - due;
    latest_ = std::max(latest_, late);
    // Since the last look before it was due: timers are told of in the order of their times.
    while (looks_.size() > 1 && looks_[1].at <= due) looks_.pop_front();
    latest_own_ = std::max(latest_own_, late - (now.waited - looks_.front().waited));
    looks_.push_back(now);
  }

  Loop* loop_;
  std::uint16_t port_;
  std::mt19937 random_{1};
  Clock::duration latest_{};
  Clock::duration latest_own_{};
  std::deque<Look> looks_;
  std::uint64_t connected_ = 0;
  std::uint64_t reads_ = 0;
  bool works_ = true;
};

std::unique_ptr<Loop> open_loop() {
  auto loop = Loop::open({});
  if (!loop) fmt::print("{}\n", loop.error().message);
  return loop ? std::move(*loop) : nullptr;
}

// Of the rounds of a loop, in seconds: until all was done, and on the processor.
struct Times {
  std::vector<double> wall;
  std::vector<double> own;
  void add(double wall_seconds, double own_seconds) {
    wall.push_back(wall_seconds);
    own.push_back(own_seconds);
  }
};

// That all threads of this process used so far, those of the kernel that work for it too.
double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

}  // namespace

double run_loop(std::uint16_t port, std::uint64_t connections, unsigned at_once) {
  const auto start = std::chrono::steady_clock::now();
  const auto loop = open_loop();
  if (loop == nullptr || !Runner{*loop, port, connections}.run(at_once)) return -1;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

bool compare_throughput(const CaseOptions& options) {
  auto server = BannerServer::start({});
  if (!server) return say(false, server.error().message);
  std::vector<double> ours;
  std::vector<double> minimal;
  for (unsigned round = 0; round < options.rounds; ++round) {
    ours.push_back(run_loop(server->port(), options.connections, options.at_once));
    minimal.push_back(run_minimal_loop(server->port(), options.connections, options.at_once));
    if (ours.back() < 0 || minimal.back() < 0) return say(false, "a connection failed");
  }
  const auto per_second = [&](double seconds) {
    return static_cast<double>(options.connections) / seconds;
  };
  const double ratio = median(minimal) / median(ours);
  return say(ratio >= kLeastRatio,
             fmt::format("connect-read-close: {:.0f}/s, minimal epoll loop {:.0f}/s, ratio {:.2f} "
                         "(asked >= {}), medians of {}",
                         per_second(median(ours)), per_second(median(minimal)), ratio, kLeastRatio,
                         options.rounds));
}

bool compare_uring(const CaseOptions& options) {
  auto server = BannerServer::start({});
  if (!server) return say(false, server.error().message);
  Times epoll;
  Times one_by_one;
  Times chained;
  for (unsigned round = 0; round < options.rounds; ++round) {
    const double before = processor_seconds();
    const double took = run_minimal_loop(server->port(), options.connections, options.at_once);
    if (took < 0) return say(false, "a connection failed");
    epoll.add(took, processor_seconds() - before);
    for (const auto& [steps, times] :
         {std::pair{UringSteps::OneByOne, &one_by_one}, std::pair{UringSteps::Chained, &chained}}) {
      const double start = processor_seconds();
      const auto seconds =
          run_uring_loop(server->port(), options.connections, options.at_once, steps);
      // A kernel may refuse; the loop does not need it.
      if (!seconds) return say(true, fmt::format("io_uring: {}", seconds.error().message));
      times->add(*seconds, processor_seconds() - start);
    }
  }
  const auto line = [&](const Times& times) {
    return fmt::format("throughput {:.2f}, processor time {:.2f}",
                       median(epoll.wall) / median(times.wall),
                       median(times.own) / median(epoll.own));
  };
  return say(true, fmt::format("connect-read-close, io_uring / minimal epoll loop: {} one by one; "
                               "{} chained; medians of {}",
                               line(one_by_one), line(chained), options.rounds));
}

bool hold_many(const CaseOptions& options) {
  auto server = BannerServer::start({.tell_every_ms = 1000});
  if (!server) return say(false, server.error().message);
  const auto loop = open_loop();
  if (loop == nullptr) return false;
  Holder holder{*loop, server->port()};
  if (!holder.connect(options.connections)) return say(false, "a connection failed");
  holder.start_timers(1000);
  // The loop answers for what it does, not for what the machine does besides: both are printed, the
  // worst of its own is judged.
  std::vector<double> by_clock;
  std::vector<double> own;
  for (unsigned round = 0; round < options.rounds; ++round) {
    const Holder::Lateness late = holder.hold(options.seconds / options.rounds);
    by_clock.push_back(late.by_clock);
    own.push_back(late.own);
  }
  const double megabytes = static_cast<double>(resident_bytes()) / kMegabyte;
  const double worst = *std::max_element(own.begin(), own.end());
  return say(
      megabytes < kMostMegabytes && worst < kLatestMs,
      fmt::format("{} connections at once, {} reads in {:.0f} s: {:.0f} MB resident (asked "
                  "< {:.0f}), latest of 1000 timers {:.2f} ms (asked < {:.0f}) without, "
                  "{:.2f} ms (median of {} rounds {:.2f}) with waits for the processor",
                  options.connections, holder.reads(), options.seconds, megabytes, kMostMegabytes,
                  worst, kLatestMs, *std::max_element(by_clock.begin(), by_clock.end()),
                  options.rounds, median(by_clock)));
}

bool look_for_leaks(const CaseOptions& options) {
  auto server = BannerServer::start({});
  if (!server) return say(false, server.error().message);
  const auto loop = open_loop();
  if (loop == nullptr) return false;
  const std::uint64_t first = options.connections / 10;
  if (!Runner{*loop, server->port(), first}.run(options.at_once)) {
    return say(false, "a connection failed");
  }
  const std::size_t fds = open_descriptors();
  const std::size_t bytes = resident_bytes();
  if (!Runner{*loop, server->port(), options.connections - first}.run(options.at_once)) {
    return say(false, "a connection failed");
  }
  const std::size_t fds_now = open_descriptors();
  const std::size_t bytes_now = resident_bytes();
  // The allocator keeps a page or two more at times; 64 bytes a connection would be seen.
  const std::size_t allowed = std::min<std::uint64_t>(options.connections * 16, 1U << 20U);
  const bool is_met = fds_now == fds && bytes_now <= bytes + allowed &&
                      loop->statistics().sockets == 0 && loop->statistics().pending == 0;
  return say(is_met,
             fmt::format("{} connections: {} descriptors, {} kB after the first tenth; {}, {} kB "
                         "after all (asked: no more)",
                         options.connections, fds, bytes / 1024, fds_now, bytes_now / 1024));
}

}  // namespace trawl::service_bench
