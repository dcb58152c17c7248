#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace trawl::service {

// A server on 127.0.0.1 with a thread of its own. It says `greeting`, answers what comes by
// `reply`, and hangs up where that says so.
class TalkingServer {
 public:
  struct Answer {
    std::string bytes{};
    bool closes = false;
  };
  struct Manners {
    Answer greeting{};
    std::function<Answer(std::string_view)> reply{};
    bool is_udp = false;
  };

  explicit TalkingServer(Manners manners)
      : manners_{std::move(manners)},
        socket_{::socket(AF_INET, manners_.is_udp ? SOCK_DGRAM : SOCK_STREAM, 0)},
        over_{::eventfd(0, 0)} {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    auto* const generic = reinterpret_cast<sockaddr*>(&name);
    is_good_ = ::bind(socket_, generic, size) == 0 && ::getsockname(socket_, generic, &size) == 0 &&
               (manners_.is_udp || ::listen(socket_, 128) == 0);
    port_ = ntohs(name.sin_port);
    thread_ = std::thread{[this] { work(); }};
  }
  ~TalkingServer() {
    const std::uint64_t one = 1;
    (void)!::write(over_, &one, sizeof one);
    thread_.join();
    ::close(over_);
    ::close(socket_);
  }
  TalkingServer(const TalkingServer&) = delete;
  TalkingServer& operator=(const TalkingServer&) = delete;

  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::size_t accepted() const noexcept { return accepted_; }

 private:
  void work() {
    std::vector<pollfd> watched{{over_, POLLIN, 0}, {socket_, POLLIN, 0}};
    while (::poll(watched.data(), watched.size(), -1) >= 0 && watched[0].revents == 0) {
      std::vector<pollfd> next{watched[0], watched[1]};
      for (std::size_t at = 2; at < watched.size(); ++at) {
        if (watched[at].revents == 0 || talk(watched[at].fd)) next.push_back(watched[at]);
      }
      if (watched[1].revents != 0 && manners_.is_udp) answer_datagram();
      if (watched[1].revents != 0 && !manners_.is_udp) {
        const int peer = ::accept(socket_, nullptr, nullptr);
        ++accepted_;
        if (say(peer, manners_.greeting)) next.push_back({peer, POLLIN, 0});
      }
      watched = std::move(next);
    }
    for (std::size_t at = 2; at < watched.size(); ++at) ::close(watched[at].fd);
  }

  // False when it is over.
  bool say(int peer, const Answer& answer) {
    (void)!::send(peer, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
    if (answer.closes) ::close(peer);
    return !answer.closes;
  }

  bool talk(int peer) {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::recv(peer, bytes.data(), bytes.size(), 0);
    if (got <= 0) {
      ::close(peer);
      return false;
    }
    if (!manners_.reply) return true;
    return say(peer, manners_.reply({bytes.data(), static_cast<std::size_t>(got)}));
  }

  void answer_datagram() {
    std::array<char, 4096> bytes{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* const generic = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(socket_, bytes.data(), bytes.size(), 0, generic, &size);
    if (got < 0 || !manners_.reply) return;
    const Answer answer = manners_.reply({bytes.data(), static_cast<std::size_t>(got)});
    if (answer.bytes.empty()) return;
    (void)!::sendto(socket_, answer.bytes.data(), answer.bytes.size(), 0, generic, size);
  }

  Manners manners_;
  int socket_;
  int over_;
  bool is_good_ = false;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> accepted_{0};
  std::thread thread_;
};

}  // namespace trawl::service
