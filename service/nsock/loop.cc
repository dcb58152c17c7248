#include "service/nsock/loop.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "service/nsock/loop_impl.h"

namespace trawl::service {
namespace {

using Clock = std::chrono::steady_clock;

// Descriptors that the rest of the process needs: files, captures, other loops.
constexpr std::size_t kReservedFds = 64;
constexpr std::size_t kBufferSize = 65'536;  // Also the longest datagram.
// As good as forever, and sums with times of today do not overflow.
constexpr Wait kEndless = std::chrono::hours{24 * 365 * 10};
// Between tries where the process or the system has no descriptor left, and others hold them.
constexpr Wait kFdRetry = std::chrono::milliseconds{20};
// Looking at sockets takes about that long at most, then it is the turn of callbacks and timers.
constexpr Wait kSlice = std::chrono::milliseconds{1};

std::size_t allowed_fds() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024 - kReservedFds;
  if (limit.rlim_cur == RLIM_INFINITY) return 1U << 20U;
  const auto all = static_cast<std::size_t>(limit.rlim_cur);
  return all > 2 * kReservedFds ? all - kReservedFds : std::max<std::size_t>(all / 2, 1);
}

void drain(int fd) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::open(LoopOptions options) {
  auto poller = Poller::open();
  if (!poller) return Failure{poller.error()};
  auto impl = std::make_shared<Impl>();
  impl->poller = std::move(*poller);
  impl->wake_fd = Descriptor{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!impl->wake_fd.is_open() ||
      impl->poller.add(impl->wake_fd.get(), EPOLLIN, Poller::Source::Wake, 0) == Poller::Watch{}) {
    return fail(ExitCode::Runtime, fmt::format("eventfd: {}", std::strerror(errno)));
  }
  impl->most_fds = options.most_sockets != 0 ? options.most_sockets : allowed_fds();
  impl->trace.to(std::move(options.trace));
  options.trace = nullptr;
  impl->options = std::move(options);
  impl->buffer.resize(kBufferSize);
  impl->names = std::make_unique<DnsChannel>(
      impl->options.names, impl->poller,
      [raw = impl.get()](EventId id, std::vector<IpAddress> addresses, const char* trouble) {
        raw->take_addresses(id, std::move(addresses), trouble);
      });
  return std::unique_ptr<Loop>{new Loop{std::move(impl)}};
}

Loop::Loop(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}

Loop::~Loop() {
  impl_->is_dead = true;
  // What callbacks hold may call here once more when it goes away, and finds nothing.
  const auto events = impl_->events.take_all();
  impl_->hot.clear();
  impl_->waiting_for_fd.clear();
  for (const auto& event : events) impl_->queue_of(*event).remove(*event);
  impl_->names.reset();
  impl_->sockets.clear();
  impl_->open_fds = 0;
}

Loop::Impl::~Impl() = default;

Socket* Loop::Impl::find(SocketId id) noexcept {
  const auto found = sockets.find(static_cast<std::uint64_t>(id));
  return found == sockets.end() ? nullptr : found->second.get();
}

PendingEvent& Loop::Impl::ask(EventKind kind, Request request, SocketId socket, Callback done) {
  PendingEvent& event = events.add(kind, request, std::move(done));
  event.socket_id = socket;
  event.socket = find(socket);
  return event;
}

void Loop::Impl::limit(PendingEvent& event, Wait timeout) {
  event.timeout = timeout;
  if (timeout >= kEndless) return;
  queue_of(event).add(event, Clock::now() + std::max(timeout, Wait{0}));
  set_clock();
}

TimerQueue& Loop::Impl::queue_of(const PendingEvent& event) noexcept {
  return event.kind == EventKind::Timer ? timers : limits;
}

SteadyTime Loop::Impl::first_due() const noexcept {
  SteadyTime due = SteadyTime::max();
  for (const TimerQueue* const queue : {&timers, &limits}) {
    if (const TimerNode* const first = queue->top()) due = std::min(due, first->due);
  }
  return due;
}

void Loop::Impl::forget(PendingEvent& event) {
  queue_of(event).remove(event);
  if (event.socket == nullptr) return;
  if (event.socket->opening == &event) event.socket->opening = nullptr;
  if (event.kind == EventKind::Write) event.socket->writes.remove(&event);
  if (event.kind == EventKind::Read || event.kind == EventKind::PcapRead) {
    event.socket->reads.remove(&event);
  }
}

void Loop::Impl::finish(PendingEvent& event, EventStatus status, int error) {
  if (event.is_done) return;
  forget(event);
  event.status = status;
  event.error = error;
  if (event.socket != nullptr) ++event.socket->undelivered;
  events.finish(event);
  set_clock();
}

void Loop::Impl::heat(Socket& socket) {
  if (std::exchange(socket.is_hot, true)) return;
  hot.push_back(socket.id);
  set_clock();
}

bool Loop::Impl::cancel(EventId id, bool tells) {
  PendingEvent* const event = events.find(id);
  if (event == nullptr) return false;
  if (event->is_done) {
    if (tells) return false;
    if (event->socket != nullptr) {
      --event->socket->undelivered;
      // Whoever reads next gets them.
      if (event->kind == EventKind::Read && event->socket->is_stream()) {
        event->socket->in.insert(0, event->bytes);
        for (PendingEvent* const read : event->socket->reads) read->scanned = read->lines = 0;
        heat(*event->socket);
      } else if (event->kind == EventKind::PcapRead && event->status == EventStatus::Success) {
        event->socket->returned.push_back({std::move(event->bytes), event->packet, event->from});
        heat(*event->socket);
      }
    }
    events.drop(*event);
    return true;
  }
  trace.cancelled(*event);
  Socket* const socket = event->socket;
  const bool was_opening = socket != nullptr && socket->opening == event;
  if (tells) {
    finish(*event, EventStatus::Cancelled);
  } else {
    forget(*event);
  }
  if (was_opening) fail_open(*socket, EventStatus::Cancelled, ECANCELED);
  if (!tells) events.drop(*event);
  return true;
}

void Loop::Impl::close(SocketId id, bool tells) {
  const auto found = sockets.find(static_cast<std::uint64_t>(id));
  if (found == sockets.end()) return;
  const auto owner = std::move(found->second);
  sockets.erase(found);
  Socket& socket = *owner;
  trace.closed(id);
  std::vector<PendingEvent*> left;
  if (socket.opening != nullptr) left.push_back(socket.opening);
  left.insert(left.end(), socket.reads.begin(), socket.reads.end());
  left.insert(left.end(), socket.writes.begin(), socket.writes.end());
  if (tells) {
    for (PendingEvent* const event : left) finish(*event, EventStatus::Cancelled);
  } else {
    for (PendingEvent* const event : left) forget(*event);
  }
  // Those that ended, too.
  for (std::size_t i = 0; socket.undelivered > 0 && i < events.finished().size(); ++i) {
    PendingEvent* const event = events.find(events.finished()[i]);
    if (event == nullptr || event->socket != &socket) continue;
    --socket.undelivered;
    event->socket = nullptr;
    if (!tells) left.push_back(event);
  }
  for (const PendingEvent* const event : left) {
    if (!tells && !event->is_done) trace.deleted(*event);
  }
  const bool is_tls = socket.tls != nullptr && socket.stage == Socket::Stage::Open;
  if (is_tls && !socket.is_abandoned) say_goodbye(socket);
  shut(socket);
  if (tells) return;
  for (PendingEvent* const event : left) event->socket = nullptr;
  for (PendingEvent* const event : left) events.drop(*event);
}

void Loop::Impl::abandon(SocketId id) {
  const auto found = sockets.find(static_cast<std::uint64_t>(id));
  if (found == sockets.end()) return;
  Socket& socket = *found->second;
  socket.is_abandoned = true;
  if (socket.kind == Socket::Kind::Tcp && socket.fd.is_open()) {
    // What is closed in this mode goes without a segment: it is for connections that move
    // elsewhere.
    constexpr int kOn = 1;
    (void)::setsockopt(socket.fd.get(), IPPROTO_TCP, TCP_REPAIR, &kOn, sizeof kOn);
  }
  close(id, false);
}

Wait Loop::Impl::wait_for(Wait longest) const {
  if (!hot.empty() || events.has_finished() || starts_more || is_dead) return Wait{0};
  if (events.size() == 0 && !woken) return Wait{0};
  longest = std::min(longest, names->wait());
  if (!waiting_for_fd.empty()) longest = std::min(longest, kFdRetry);
  if (const SteadyTime due = first_due(); due != SteadyTime::max()) {
    longest = std::min(longest, std::chrono::ceil<Wait>(due - Clock::now()));
  }
  return std::max(longest, Wait{0});
}

bool Loop::Impl::turn(Wait longest) {
  take_hot();
  start_waiting();
  // Those that the last turn had no time for come first: they were told of once.
  if (!poller.has_ready()) poller.wait(wait_for(longest));
  now = Clock::now();
  bool is_woken = false;
  for (auto end = now + kSlice; const auto ready = poller.next();) {
    if (ready->source == Poller::Source::Wake) {
      drain(wake_fd.get());
      is_woken = true;
    } else if (ready->source == Poller::Source::Clock) {
      drain(clock_fd.get());
      clock_due = {};
    } else if (ready->source == Poller::Source::Names) {
      names->take_ready(static_cast<int>(ready->key), ready->events);
    } else if (Socket* const socket = find(SocketId{ready->key})) {
      take_ready(*socket, ready->events);
    }
    if (Clock::now() >= end) break;
  }
  names->take_time();
  expire(timers, now);
  // What came in time is known once all sockets were looked at.
  if (!poller.has_ready()) expire(limits, now);
  if (is_woken && woken) {
    const auto call = woken;  // It may name another.
    call();
  }
  dispatch();
  set_clock();
  return events.size() > 0;
}

void Loop::Impl::take_ready(Socket& socket, std::uint32_t ready) {
  const bool has_ended = (ready & (EPOLLERR | EPOLLHUP)) != 0;
  if ((ready & EPOLLIN) != 0 || has_ended) socket.can_read = true;
  if ((ready & EPOLLOUT) != 0 || has_ended) socket.can_write = true;
  if ((ready & EPOLLRDHUP) != 0 || has_ended) {
    socket.can_read = true;
    socket.peer_ended = true;
  }
  pump(socket);
}

void Loop::Impl::take_hot() {
  const auto end = Clock::now() + kSlice;
  const auto all = std::exchange(hot, {});
  auto next = all.begin();
  while (next != all.end()) {
    Socket* const socket = find(*next++);
    if (socket == nullptr) continue;
    socket->is_hot = false;
    pump(*socket);
    if (Clock::now() >= end) break;
  }
  hot.insert(hot.begin(), next, all.end());
}

void Loop::Impl::take_addresses(EventId id, std::vector<IpAddress> addresses, const char* trouble) {
  PendingEvent* const event = events.find(id);
  if (event == nullptr || event->is_done) return;  // Cancelled, or too late.
  event->addresses = std::move(addresses);
  if (trouble != nullptr) event->trouble = trouble;
  finish(*event, trouble == nullptr ? EventStatus::Success : EventStatus::Error,
         trouble == nullptr ? 0 : ENOENT);
}

void Loop::Impl::expire(TimerQueue& queue, SteadyTime at) {
  for (TimerNode* node = queue.top(); node != nullptr && node->due <= at; node = queue.top()) {
    queue.remove(*node);
    expired(*static_cast<PendingEvent*>(node));
  }
}

void Loop::Impl::expired(PendingEvent& event) {
  if (event.kind == EventKind::Timer) {
    finish(event, EventStatus::Success);
  } else if (event.socket != nullptr && event.socket->opening == &event) {
    const auto& chain = event.socket->chain;
    fail_open(*event.socket, EventStatus::Timeout, ETIMEDOUT,
              chain != nullptr ? chain->silence() : std::string{});
  } else {
    Socket* const socket = event.socket;
    const bool is_first =
        socket != nullptr && !socket->reads.empty() && socket->reads.front() == &event;
    if (is_first) event.bytes = std::exchange(socket->in, {});
    finish(event, EventStatus::Timeout);
  }
}

void Loop::Impl::dispatch() {
  // Those that end meanwhile wait for the next turn, so that the sockets have theirs.
  // Timers are looked at after each; one that sets another has to wait as well.
  std::size_t left = events.finished().size();
  while (true) {
    for (std::size_t due = events.timers(); due > 0 && !is_dead; --due) {
      if (const auto timer = events.take_timer()) deliver(*timer);
    }
    if (left-- == 0 || is_dead) return;
    if (const auto event = events.take_finished()) deliver(*event);
    if (!is_dead && timers.top() != nullptr) expire(timers, Clock::now());
  }
}

void Loop::Impl::deliver(PendingEvent& event) {
  if (event.socket != nullptr) --event.socket->undelivered;
  ++statistics.events;
  if (event.kind == EventKind::Timer && event.status == EventStatus::Success) {
    const auto late = std::chrono::duration_cast<Wait>(Clock::now() - event.due);
    statistics.latest_timer = std::max(statistics.latest_timer, late);
  }
  trace.called(event);
  if (!event.done) return;
  event.done(Event{.id = event.id,
                   .kind = event.kind,
                   .status = event.status,
                   .error = event.status == EventStatus::Error ? event.error : 0,
                   .socket = event.socket_id,
                   .bytes = event.kind == EventKind::Write ? std::string_view{} : event.bytes,
                   .eof = event.eof,
                   .addresses = event.addresses,
                   .trouble = event.trouble,
                   .from = event.from,
                   .packet = event.packet});
}

void Loop::Impl::set_clock() {
  if (!is_nested || is_dead) return;
  SteadyTime due{};
  if (!hot.empty() || events.has_finished() || starts_more || poller.has_ready()) {
    due = SteadyTime{Wait{1}};
  } else if (!waiting_for_fd.empty()) {
    due = now + kFdRetry;
  }
  if (const Wait wait = names->wait(); wait != kForever) {
    due = due == SteadyTime{} ? Clock::now() + wait : std::min(due, Clock::now() + wait);
  }
  if (const SteadyTime first = first_due(); first != SteadyTime::max()) {
    due = due == SteadyTime{} ? first : std::min(due, first);
  }
  if (due == clock_due) return;
  clock_due = due;
  const auto since = due.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const itimerspec time{
      .it_interval = {},
      .it_value = {
          .tv_sec = seconds.count(),
          .tv_nsec =
              std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()}};
  timerfd_settime(clock_fd.get(), TFD_TIMER_ABSTIME, &time, nullptr);
}

}  // namespace trawl::service
