#include "bench/service/minimal_loop.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>

#include "bench/service/bench_namespace.h"

namespace trawl::service_bench {
namespace {

bool begin(int poll, std::uint16_t port, std::uint64_t n) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(loopback_address(n));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 &&
      errno != EINPROGRESS) {
    return false;
  }
  epoll_event event{.events = EPOLLOUT, .data = {.fd = fd}};
  return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

double run_minimal_loop(std::uint16_t port, std::uint64_t connections, unsigned at_once) {
  const auto start = std::chrono::steady_clock::now();
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  std::array<epoll_event, 128> events{};
  std::array<char, 65'536> buffer{};
  std::uint64_t begun = 0;
  std::uint64_t done = 0;
  bool works = true;
  for (; begun < connections && begun < at_once; ++begun) works = works && begin(poll, port, begun);
  while (works && done < connections) {
    const int ready = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready && works; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        works = error == 0 && epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event) == 0;
        continue;
      }
      works = recv(fd, buffer.data(), buffer.size(), 0) > 0;
      close(fd);
      ++done;
      if (begun < connections) works = works && begin(poll, port, begun++);
    }
  }
  close(poll);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return works ? took.count() : -1;
}

}  // namespace trawl::service_bench
