#include "control/audit/through/proxy_pool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace trawl::control {
namespace {

using service::hop_name;
using service::HopAnswer;
using service::HopVerdict;
using service::ProxyGoal;
using service::ProxyHop;

constexpr unsigned kMostTroubles = 5;       // In a row, before the chain is doubted.
constexpr unsigned kMostFinalTroubles = 2;  // In a row, before it is given up.
constexpr unsigned kMostChecks = 3;
constexpr Moment kBetweenChecks{300'000};
constexpr Moment kAfterCheck{1'000'000};  // Silence is no reason to ask so soon again.
constexpr Moment kEachHop{4'000'000};

ConnectVerdict verdict_of(const HopVerdict& hop) noexcept {
  switch (hop.state) {
    case HopVerdict::State::Open: return {PortState::Open, hop.word};
    case HopVerdict::State::Closed: return {PortState::Closed, hop.word};
    case HopVerdict::State::Filtered: break;
  }
  return {PortState::Filtered, hop.word};
}

std::string error_text(int error) { return std::system_category().message(error); }

}  // namespace

trawl::Result<std::unique_ptr<ProxyPool>> ProxyPool::open(Options options) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return fail(ExitCode::Runtime, fmt::format("epoll: {}", error_text(errno)));
  return std::unique_ptr<ProxyPool>{new ProxyPool{fd, std::move(options)}};
}

ProxyPool::ProxyPool(int fd, Options options)
    : options_{std::move(options)},
      epoll_fd_{fd},
      most_{std::clamp<std::size_t>(options_.most, 1, most_connections())},
      events_(64) {}

ProxyPool::~ProxyPool() {
  for (const auto& connection : connections_) (void)::close(connection->fd);
  (void)::close(epoll_fd_);
}

Moment ProxyPool::deadline(Moment now, Moment asked) const noexcept {
  return std::max(asked, now + kEachHop * static_cast<std::int64_t>(options_.hops.size()));
}

void ProxyPool::start(const Owner& owner, const IpAddress& host, std::uint16_t port,
                      Moment deadline) {
  count_start();
  auto made = std::make_unique<Connection>(options_.hops, ProxyGoal{host, port});
  made->owner = owner;
  made->deadline = deadline;
  made->repeated_at = deadline;
  if (connect(std::move(made))) return;
  const int error = errno;
  if (error == EMFILE || error == ENFILE) {
    most_ = std::max<std::size_t>(1, connections_.size());
  } else {
    count_failure(error);
    note_trouble({.verdict = {},
                  .trouble = fmt::format("{} cannot be connected to: {}",
                                         hop_name(options_.hops, 0), error_text(error)),
                  .said = {},
                  .is_final = false});
  }
}

// False with errno(3) when it cannot even be tried.
bool ProxyPool::connect(std::unique_ptr<Connection> connection) {
  const ProxyHop& first = options_.hops.front();
  const int fd = open_tcp_socket(first.ip, options_.from);
  if (fd < 0) return false;
  const SocketAddress address = socket_address(first.ip, first.port);
  if (::connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    (void)::close(fd);
    errno = error;
    return false;
  }
  connection->fd = fd;
  connection->out = connection->chain.take_output();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = connection.get();
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  connections_.push_back(std::move(connection));
  return true;
}

void ProxyPool::start_check(Moment now) {
  is_doubted_ = false;
  is_alive_ = false;
  auto made = std::make_unique<Connection>(options_.hops, std::nullopt);
  made->is_check = true;
  made->deadline = now + options_.life_time * options_.hops.size();
  if (connect(std::move(made))) return;
  broken_ = fmt::format("Cannot connect to {}: {}.", hop_name(options_.hops, 0), error_text(errno));
}

void ProxyPool::send(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t sent =
        ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    connection.out.erase(0, static_cast<std::size_t>(sent));
  }
  epoll_event event{};
  event.events = connection.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  event.data.ptr = &connection;
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
}

void ProxyPool::read(Connection& connection) {
  std::array<char, 4096> bytes;
  const ssize_t count = ::recv(connection.fd, bytes.data(), bytes.size(), 0);
  if (count > 0) {
    connection.chain.take_input({bytes.data(), static_cast<std::size_t>(count)});
    connection.out += connection.chain.take_output();
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    connection.chain.take_end();
  }
}

// Whoever hangs up at once may be the port itself, behind a proxy whose first refusal is still
// under way. So the first ones wait for one, as long as an answer may take; who hangs up later does
// not.
void ProxyPool::watch_settling(Connection& connection, Moment now) {
  char byte = 0;
  const ssize_t count = ::recv(connection.fd, &byte, 1, MSG_PEEK);
  if (count > 0) connection.deadline = Moment{0};  // Somebody is there.
  if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return;
  connection.has_hung_up = true;
  if (!refusals_until_) refusals_until_ = deadline(now, now);
  constexpr Moment kBeforeRepeat{100'000};
  connection.deadline = std::min(*refusals_until_, connection.repeated_at - kBeforeRepeat);
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, connection.fd, nullptr);
}

void ProxyPool::progress(Connection& connection, Moment now) {
  if (connection.is_settling) return watch_settling(connection, now);
  if (!connection.is_connected) {
    const int error = connect_error(connection.fd);
    if (error != 0) {
      connection.chain.fail(error_text(error));
      return;
    }
    connection.is_connected = true;
  } else {
    read(connection);
  }
  if (!connection.chain.answer()) send(connection);
}

void ProxyPool::note_trouble(const HopAnswer& answer) {
  ++troubles_;
  if (answer.is_final) ++final_troubles_;
  if (final_troubles_ >= kMostFinalTroubles) broken_ = fmt::format("{}.", answer.trouble);
  if (troubles_ < kMostTroubles) return;
  is_doubted_ = true;
  next_check_ = Moment{0};
}

void ProxyPool::end_check(const Connection& connection, Moment now) {
  const auto& answer = connection.chain.answer();
  if (answer && answer->verdict) {
    is_alive_ = true;
    failed_checks_ = 0;
    troubles_ = 0;
    next_check_ = now + kAfterCheck;
    return;
  }
  ++failed_checks_;
  const bool is_over = !answer || answer->is_final || failed_checks_ >= kMostChecks;
  if (is_over) {
    broken_ = fmt::format("{}.", answer ? answer->trouble : connection.chain.silence());
    return;
  }
  is_doubted_ = true;
  next_check_ = now + kBetweenChecks;
}

// Some SOCKS servers, ssh(1) among them, report success before they connect, and hang up when they
// cannot. Until one has refused anything, its word is taken when the connection stays.
bool ProxyPool::settles(Connection& connection, Moment now) {
  constexpr Moment kSettled{1'000'000};
  if (connection.is_settling) return !has_refused_ && connection.deadline > now;
  const auto& answer = connection.chain.answer();
  const bool socks = options_.hops.back().kind != ProxyHop::Kind::Http;
  if (connection.is_check || !socks || !answer->verdict) return false;
  if (answer->verdict->state != HopVerdict::State::Open) has_refused_ = true;
  if (has_refused_) return false;
  connection.is_settling = true;
  connection.deadline = now + kSettled;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
  return true;
}

// Closes it: it has an answer, or its time is over.
void ProxyPool::end(std::size_t index, Moment now, std::vector<Result>& results) {
  const std::unique_ptr<Connection> connection = std::move(connections_[index]);
  connections_[index] = std::move(connections_.back());
  connections_.pop_back();
  (void)::close(connection->fd);
  const auto& answer = connection->chain.answer();
  if (connection->is_check) {
    end_check(*connection, now);
  } else if (answer && answer->verdict) {
    troubles_ = 0;
    final_troubles_ = 0;
    next_check_ = std::max(next_check_, now + kAfterCheck);
    ConnectVerdict verdict = verdict_of(*answer->verdict);
    if (connection->has_hung_up && !has_refused_) {
      verdict = {.state = PortState::Filtered, .word = "proxy-refused"};
    }
    results.push_back({.owner = connection->owner, .error = 0, .verdict = verdict});
  } else if (answer) {
    note_trouble(*answer);
  } else if (connection->chain.waits_for_goal()) {
    // Of whom it is that nothing is heard, a sign of life tells.
    if (now >= next_check_) is_doubted_ = true;
  } else {
    note_trouble(
        {.verdict = {}, .trouble = connection->chain.silence(), .said = {}, .is_final = false});
  }
}

void ProxyPool::poll(Moment now, std::vector<Result>& results) {
  if (!broken_.empty()) return;
  const auto most = static_cast<int>(events_.size());
  for (int count = most; count == most;) {
    count = ::epoll_wait(epoll_fd_, events_.data(), most, 0);
    for (int i = 0; i < count; ++i) {
      progress(*static_cast<Connection*>(events_[static_cast<std::size_t>(i)].data.ptr), now);
    }
    for (std::size_t i = connections_.size(); i-- > 0;) {
      if (!connections_[i]->chain.answer() || settles(*connections_[i], now)) continue;
      end(i, now, results);
    }
  }
  for (std::size_t i = connections_.size(); i-- > 0;) {
    const Connection& each = *connections_[i];
    if (each.deadline <= now || (each.is_settling && has_refused_)) end(i, now, results);
  }
  const bool checks =
      std::ranges::any_of(connections_, [](const auto& each) { return each->is_check; });
  if (is_doubted_ && !checks && now >= next_check_) start_check(now);
}

Moment ProxyPool::next_look() const noexcept {
  Moment next = is_doubted_ ? next_check_ : Moment::max();
  for (const auto& connection : connections_) next = std::min(next, connection->deadline);
  return next;
}

}  // namespace trawl::control
