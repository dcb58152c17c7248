#include "control/audit/through/bounce_pool.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace trawl::control {
namespace {

using State = FtpDialogue::State;

constexpr std::uint16_t kFirstUnprivileged = 1024;
constexpr unsigned kMostLost = 4;  // Connections in a row before it is given up.
constexpr Moment kBetweenConnections{300'000};
// Nmap has no reason of its own for these.
constexpr ConnectVerdict kOpen{PortState::Open, "no-response"};
constexpr ConnectVerdict kClosed{PortState::Closed, "no-response"};
constexpr ConnectVerdict kFiltered{PortState::Filtered, "no-response"};

}  // namespace

trawl::Result<std::unique_ptr<BouncePool>> BouncePool::open(Options options) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) {
    return trawl::fail(ExitCode::Runtime,
                       fmt::format("epoll: {}", std::system_category().message(errno)));
  }
  return std::unique_ptr<BouncePool>{new BouncePool{fd, std::move(options)}};
}

BouncePool::BouncePool(int fd, Options options) : options_{std::move(options)}, epoll_fd_{fd} {}

BouncePool::~BouncePool() {
  disconnect();
  (void)::close(epoll_fd_);
}

// Each attempt ends by itself: with a verdict, or with the pool.
Moment BouncePool::deadline(Moment now, Moment asked) const noexcept {
  return std::max(asked, now + options_.patience * 4 * (kMostLost + 1));
}

void BouncePool::start(const Owner& owner, const IpAddress& host, std::uint16_t port,
                       Moment /*deadline*/) {
  count_start();
  if (!host.is_v4() || (skips_privileged_ && port < kFirstUnprivileged)) {
    skipped_.push_back({.owner = owner, .error = 0, .verdict = {}, .is_skipped = true});
    next_look_ = Moment{0};
    return;
  }
  asked_ = Asked{.owner = owner, .host = host.v4(), .port = port};
  tell(now_);
}

void BouncePool::tell(Moment now) {
  if (!asked_ || asked_->is_told || !dialogue_ || dialogue_->state() != State::Idle) return;
  asked_->is_told = true;
  dialogue_->ask(asked_->host, asked_->port);
  next_look_ = now + options_.patience;
  read_and_write(now);
}

void BouncePool::disconnect() noexcept {
  if (socket_ >= 0) (void)::close(socket_);
  socket_ = -1;
  is_connected_ = false;
  is_in_ = false;
  out_.clear();
  dialogue_.reset();
  if (asked_) asked_->is_told = false;
}

void BouncePool::connect(Moment now) {
  const BounceServer& server = options_.server;
  socket_ = open_tcp_socket(server.ip, options_.from);
  const SocketAddress address = socket_address(server.ip, server.port);
  if (socket_ < 0 ||
      (::connect(socket_, address.get(), address.size) != 0 && errno != EINPROGRESS)) {
    hung_up(now);
    return;
  }
  dialogue_.emplace(server.user, server.password);
  next_look_ = now + options_.patience;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, socket_, &event);
}

void BouncePool::hung_up(Moment now) {
  const State last = dialogue_ && !was_in_ ? dialogue_->state() : State::Gone;
  // Servers end what is idle.
  const bool was_idle = is_in_ && !asked_;
  disconnect();
  if (last == State::Stranger) {
    broken_ = fmt::format("Your FTP bounce server doesn't like the username \"{}\"",
                          options_.server.user);
  } else if (last == State::Refused) {
    broken_ = fmt::format("Your FTP bounce server refused login combo ({}/{})",
                          options_.server.user, options_.server.password);
  } else if (!was_in_) {
    broken_ = "Your FTP bounce proxy server won't talk to us!";
  } else if (was_idle) {
    next_look_ = now + kBetweenConnections;
  } else if (++lost_ >= kMostLost) {
    broken_ = "Our FTP bounce server hangs up on us, and we are out of retries. Giving up.";
  } else {
    options_.warn("Our FTP proxy server hung up on us!  retrying");
    next_look_ = now + kBetweenConnections * lost_;
  }
}

// Bytes that are there, and those that may leave.
void BouncePool::read_and_write(Moment now) {
  const State before = dialogue_->state();
  std::array<char, 4096> bytes;
  const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count > 0) {
    dialogue_->take_input({bytes.data(), static_cast<std::size_t>(count)});
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    dialogue_->take_end();
  }
  out_ += dialogue_->take_output();
  if (!out_.empty()) {
    const ssize_t sent = ::send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  }
  // Words that lead nowhere buy no time.
  if (dialogue_->state() != before) next_look_ = now + options_.patience;
  epoll_event event{};
  event.events = out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, socket_, &event);
}

void BouncePool::give_verdict(const ConnectVerdict& verdict, std::vector<Result>& results) {
  results.push_back({.owner = asked_->owner, .error = 0, .verdict = verdict});
  asked_.reset();
  lost_ = 0;
}

void BouncePool::refuse_port(std::vector<Result>& results) {
  if (asked_->port >= kFirstUnprivileged) {
    broken_ = "Your FTP bounce server sucks, it won't let us feed bogus ports!";
    return;
  }
  if (!skips_privileged_) {
    options_.warn("Your FTP bounce server doesn't allow privileged ports, skipping them.");
  }
  skips_privileged_ = true;
  if (!options_.wants_unprivileged) {
    broken_ = "And you didn't want to scan any unprivileged ports.  Giving up.";
    return;
  }
  results.push_back({.owner = asked_->owner, .error = 0, .verdict = {}, .is_skipped = true});
  asked_.reset();
}

void BouncePool::take_answer(FtpDialogue::Answer answer, std::vector<Result>& results) {
  switch (answer) {
    case FtpDialogue::Answer::Open: give_verdict(kOpen, results); return;
    case FtpDialogue::Answer::Closed: give_verdict(kClosed, results); return;
    case FtpDialogue::Answer::Unclear:
      give_verdict(kFiltered, results);
      // Some die of it, and have more to say while they do (vsftpd's "500 OOPS").
      disconnect();
      next_look_ = now_;
      return;
    case FtpDialogue::Answer::NoTimeLeft: give_verdict(kFiltered, results); return;
    case FtpDialogue::Answer::NoPort: refuse_port(results); return;
  }
}

// The end of its patience.
void BouncePool::expire(Moment now, std::vector<Result>& results) {
  if (asked_ && dialogue_->state() == State::List) {
    // The server still tries: what it says later would be taken for the next one's.
    give_verdict(dialogue_->is_connected() ? kOpen : kFiltered, results);
    disconnect();
    next_look_ = now;
  } else if (asked_ || dialogue_->state() != State::Idle) {
    hung_up(now);
  } else {
    next_look_ = Moment::max();
  }
}

void BouncePool::poll(Moment now, std::vector<Result>& results) {
  now_ = now;
  results.insert(results.end(), skipped_.begin(), skipped_.end());
  if (!skipped_.empty() && !asked_) next_look_ = Moment::max();
  skipped_.clear();
  if (!broken_.empty()) return;
  if (!dialogue_) {
    if (now < next_look_) return;
    connect(now);
    if (!dialogue_) return;
  }
  epoll_event event{};
  while (dialogue_ && ::epoll_wait(epoll_fd_, &event, 1, 0) > 0) {
    const bool failed = !is_connected_ && connect_error(socket_) != 0;
    is_connected_ = true;
    if (failed) {
      dialogue_->take_end();
    } else {
      read_and_write(now);
    }
    if (const auto answer = dialogue_->take_answer(); answer && asked_) {
      take_answer(*answer, results);
      if (!dialogue_) return;
    }
    const State state = dialogue_->state();
    if (state == State::Idle) was_in_ = is_in_ = true;
    if (state == State::Gone || state == State::Refused || state == State::Stranger) {
      hung_up(now);
    }
    if (!broken_.empty()) return;
    tell(now);
  }
  if (dialogue_ && now >= next_look_) expire(now, results);
}

}  // namespace trawl::control
