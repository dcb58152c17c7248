#include "control/audit/engine/connect_pool.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace trawl::control {
namespace {

const IpAddress kLoopback = Ipv4Address{0x7f000001};
constexpr Moment kLater{60'000'000};

// A port of loopback; somebody listens there with a queue of `backlog`, or nobody when that is -1.
class Port {
 public:
  explicit Port(int backlog) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000001);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    number_ = ntohs(address.sin_port);
    EXPECT_EQ(backlog < 0 ? 0 : ::listen(fd_, backlog), 0);
  }
  ~Port() { (void)::close(fd_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] std::uint16_t number() const { return number_; }
  // Connections that fill its queue, so that it answers no more.
  [[nodiscard]] std::vector<int> fill() const {
    std::vector<int> fds;
    for (int i = 0; i < 3; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(0x7f000001);
      address.sin_port = htons(number_);
      (void)::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      fds.push_back(fd);
    }
    return fds;
  }

 private:
  int fd_;
  std::uint16_t number_ = 0;
};

ConnectPool make_pool() { return std::move(ConnectPool::open({})).value(); }

// Until there are `count` results, for two seconds.
std::vector<ConnectPool::Result> wait_for_results(ConnectPool& pool, std::size_t count) {
  std::vector<ConnectPool::Result> results;
  for (int i = 0; i < 200 && results.size() < count; ++i) {
    pollfd waiting{pool.fd(), POLLIN, 0};
    (void)::poll(&waiting, 1, 10);
    pool.poll(Moment{0}, results);
  }
  return results;
}

TEST(ConnectPool, TellsOpenFromClosed) {
  const Port open{8};
  const Port closed{-1};
  ConnectPool pool = make_pool();
  pool.start({.host = 1, .index = 10, .attempt = 2}, kLoopback, open.number(), kLater);
  pool.start({.host = 2, .index = 20, .attempt = 3}, kLoopback, closed.number(), kLater);
  EXPECT_EQ(pool.started(), 2U);
  const auto results = wait_for_results(pool, 2);
  ASSERT_EQ(results.size(), 2U);
  for (const ConnectPool::Result& result : results) {
    const bool is_open = result.owner.host == 1;
    EXPECT_EQ(result.error, is_open ? 0 : ECONNREFUSED);
    EXPECT_EQ(result.owner.index, is_open ? 10U : 20U);
    EXPECT_EQ(result.owner.attempt, is_open ? 2U : 3U);
  }
  std::vector<ConnectPool::Result> more;
  pool.poll(kLater, more);
  EXPECT_TRUE(more.empty());
}

TEST(ConnectPool, WhatIsNotAnsweredInTimeIsClosedWithoutAWord) {
  const Port full{0};
  const std::vector<int> fillers = full.fill();
  ConnectPool pool = make_pool();
  pool.start({.host = 1}, kLoopback, full.number(), Moment{1000});
  std::vector<ConnectPool::Result> results;
  pool.poll(Moment{999}, results);
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  pool.poll(Moment{999}, results);
  EXPECT_TRUE(results.empty());
  pool.poll(Moment{1000}, results);
  EXPECT_TRUE(results.empty());
  // Its descriptor is free again.
  const Port open{8};
  pool.start({.host = 2}, kLoopback, open.number(), kLater);
  results = wait_for_results(pool, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].owner.host, 2U);
  for (const int fd : fillers) (void)::close(fd);
}

TEST(ConnectPool, ManyAtOnceAreEachReportedOnce) {
  const Port open{1024};
  const Port closed{-1};
  ConnectPool pool = make_pool();
  for (std::uint32_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(pool.has_room());
    pool.start({.host = 1, .index = i}, kLoopback, i % 2 == 0 ? open.number() : closed.number(),
               kLater);
  }
  const auto results = wait_for_results(pool, 200);
  ASSERT_EQ(results.size(), 200U);
  std::vector<int> seen(200);
  for (const ConnectPool::Result& result : results) {
    ++seen.at(result.owner.index);
    EXPECT_EQ(result.error, result.owner.index % 2 == 0 ? 0 : ECONNREFUSED);
  }
  EXPECT_EQ(seen, std::vector<int>(200, 1));
}

TEST(ConnectPool, ConnectsFromThePortItIsTold) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x7f000001);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::uint16_t free = 0;
  {
    const Port probe{-1};
    free = probe.number();
  }
  ConnectPool pool =
      std::move(ConnectPool::open({.interface = {}, .source = kLoopback, .source_port = free}))
          .value();
  pool.start({}, kLoopback, ntohs(address.sin_port), kLater);
  sockaddr_in peer{};
  size = sizeof peer;
  const int accepted = ::accept(listener, reinterpret_cast<sockaddr*>(&peer), &size);
  ASSERT_GE(accepted, 0);
  EXPECT_EQ(ntohs(peer.sin_port), free);
  (void)::close(accepted);
  (void)::close(listener);
}

TEST(ConnectError, SaysWhatAPortIs) {
  const auto word = [](int error) {
    const auto verdict = read_connect_error(error);
    return verdict ? std::string{name_of(verdict->state)} + " " + std::string{verdict->word} : "";
  };
  EXPECT_EQ(word(0), "open syn-ack");
  EXPECT_EQ(word(ECONNREFUSED), "closed conn-refused");
  EXPECT_EQ(word(ENETUNREACH), "filtered net-unreach");
  EXPECT_EQ(word(EHOSTUNREACH), "filtered host-unreach");
  EXPECT_EQ(word(EACCES), "filtered admin-prohibited");
  // These say something of this machine, or nothing.
  EXPECT_EQ(word(ETIMEDOUT), "");
  EXPECT_EQ(word(EADDRNOTAVAIL), "");
  EXPECT_EQ(word(EINVAL), "");
}

}  // namespace
}  // namespace trawl::control
