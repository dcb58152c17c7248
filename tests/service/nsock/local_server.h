#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/nsock/descriptor.h"
#include "service/nsock/loop.h"

namespace trawl::service {

inline constexpr Wait kLong = std::chrono::minutes{2};  // A test that waits so long has failed.

inline sockaddr_in on_loopback(std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

// The server's end of a connection, with blocking calls.
class Peer {
 public:
  explicit Peer(int fd) : fd_{fd} { EXPECT_GE(fd, 0); }
  void say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  [[nodiscard]] std::string hear(std::size_t bytes) const {
    std::string heard(bytes, '\0');
    const ssize_t got = recv(fd_.get(), heard.data(), bytes, MSG_WAITALL);
    heard.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return heard;
  }
  void end() const { shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
  }
  void close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Descriptor fd_;
};

// A listener or a UDP socket on 127.0.0.1, at a port the kernel chose.
class LocalServer {
 public:
  explicit LocalServer(int type = SOCK_STREAM) : fd_{socket(AF_INET, type | SOCK_CLOEXEC, 0)} {
    const sockaddr_in name = on_loopback(0);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(fd_.get(), 512), 0);
    }
    sockaddr_in mine{};
    socklen_t size = sizeof mine;
    EXPECT_EQ(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&mine), &size), 0);
    port_ = ntohs(mine.sin_port);
  }
  [[nodiscard]] Peer take() const { return Peer{accept(fd_.get(), nullptr, nullptr)}; }
  [[nodiscard]] Endpoint endpoint() const {
    return {.ip = Ipv4Address{INADDR_LOOPBACK}, .port = port_};
  }
  // The same port of an address that no test listens on.
  [[nodiscard]] Endpoint nobody() const {
    return {.ip = Ipv4Address{INADDR_LOOPBACK + 2}, .port = port_};
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Descriptor fd_;
  std::uint16_t port_ = 0;
};

// An event, kept.
struct Outcome {
  int calls = 0;
  EventStatus status = EventStatus::Cancelled;
  EventId id{};
  EventKind kind = EventKind::Timer;
  int error = 0;
  bool eof = false;
  std::string bytes{};
  std::string trouble{};
  std::vector<IpAddress> addresses{};
};

inline Callback into(Outcome& outcome) {
  return [&outcome](const Event& event) {
    ++outcome.calls;
    outcome.status = event.status;
    outcome.id = event.id;
    outcome.kind = event.kind;
    outcome.error = event.error;
    outcome.eof = event.eof;
    outcome.bytes = event.bytes;
    outcome.trouble = event.trouble;
    outcome.addresses.assign(event.addresses.begin(), event.addresses.end());
  };
}

inline std::unique_ptr<Loop> make_loop(LoopOptions options = {}) {
  auto loop = Loop::open(std::move(options));
  EXPECT_TRUE(loop) << loop.error().message;
  return std::move(*loop);
}

// Turns until it was called back.
inline const Outcome& wait_for(Loop& loop, const Outcome& outcome) {
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (outcome.calls == 0 && std::chrono::steady_clock::now() < end) {
    loop.turn(std::chrono::seconds{1});
  }
  EXPECT_EQ(outcome.calls, 1);
  return outcome;
}

// A socket with a connection to a server, and the server's end of it.
struct Pair {
  SocketId socket{};
  Peer peer;
};

inline Pair connect_to(Loop& loop, const LocalServer& server) {
  Outcome outcome;
  const SocketId socket = loop.new_socket();
  loop.connect_tcp(socket, server.endpoint(), kLong, into(outcome));
  EXPECT_EQ(wait_for(loop, outcome).status, EventStatus::Success);
  return {.socket = socket, .peer = server.take()};
}

}  // namespace trawl::service
