#include "bench/service/banner_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/service/bench_namespace.h"

namespace trawl::service_bench {
namespace {

constexpr std::string_view kBanner = "220 bench.example ESMTP ready for you\r\n";
constexpr int kMostEvents = 256;

void greet_newcomers(int listener, int poll, std::vector<int>& members) {
  for (int i = 0; i < kMostEvents; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    send(fd, kBanner.data(), kBanner.size(), MSG_NOSIGNAL);
    epoll_event event{.events = EPOLLRDHUP, .data = {.fd = fd}};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    members.push_back(fd);
  }
}

void throw_away(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

[[noreturn]] void serve(int listener, BannerServer::Options options) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  stay_on_processor(options.processor);
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, kMostEvents> events{};
  std::vector<int> members;  // Only looked at where all are told something.
  std::size_t next = 0;
  auto round = std::chrono::steady_clock::now();
  while (true) {
    const int wait = options.tell_every_ms == 0 ? -1 : 1;
    const int ready = epoll_wait(poll, events.data(), kMostEvents, wait);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        greet_newcomers(listener, poll, members);
      } else {
        throw_away(fd);
      }
    }
    if (options.tell_every_ms == 0) {
      members.clear();
      continue;
    }
    // Evenly: each millisecond its part of them.
    const auto now = std::chrono::steady_clock::now();
    const auto part = members.size() / static_cast<std::size_t>(options.tell_every_ms) + 1;
    if (now - round < std::chrono::milliseconds{1} || members.empty()) continue;
    round = now;
    for (std::size_t i = 0; i < part; ++i, ++next) {
      send(members[next % members.size()], kBanner.data(), kBanner.size(), MSG_NOSIGNAL);
    }
  }
}

}  // namespace

Result<BannerServer> BannerServer::start(Options options) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  socklen_t size = sizeof name;
  if (listener < 0 || bind(listener, reinterpret_cast<const sockaddr*>(&name), size) != 0 ||
      listen(listener, 4096) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return fail(ExitCode::Runtime, fmt::format("cannot listen: {}", std::strerror(errno)));
  }
  const pid_t pid = fork();
  if (pid == 0) serve(listener, options);
  close(listener);
  if (pid < 0) return fail(ExitCode::Runtime, fmt::format("fork: {}", std::strerror(errno)));
  return BannerServer{pid, ntohs(name.sin_port)};
}

BannerServer::BannerServer(BannerServer&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, port_{other.port_} {}

BannerServer::~BannerServer() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace trawl::service_bench
