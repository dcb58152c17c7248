#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::service {
namespace {

// Sockets, events and peers that do anything at any time, also within callbacks. Each event must
// be told of exactly once, or not at all where that was asked for.
class Chaos {
 public:
  explicit Chaos(unsigned seed) : random_{seed}, loop_{make_loop({.most_sockets = 12})} {
    fcntl(server_.fd(), F_SETFL, O_NONBLOCK);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      act();
      act_as_peer();
      if (chance(3)) loop_->turn(Wait{0});
    }
    for (const SocketId socket : sockets_) loop_->close(socket, true);
    sockets_.clear();
    peers_.clear();
    is_ending_ = true;
    // What still runs are timers and names, and they are short.
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (loop_->turn(Wait{1000}) && std::chrono::steady_clock::now() < end) {
    }
    EXPECT_TRUE(waiting_.empty()) << waiting_.size() << " events were never told of";
    EXPECT_EQ(loop_->statistics().pending, 0U);
    EXPECT_EQ(loop_->statistics().sockets, 0U);
  }
  [[nodiscard]] int told() const { return told_; }

 private:
  [[nodiscard]] unsigned any(unsigned below) { return static_cast<unsigned>(random_() % below); }
  [[nodiscard]] bool chance(unsigned of) { return any(of) == 0; }
  [[nodiscard]] SocketId some_socket() {
    if (sockets_.empty() || (sockets_.size() < 20 && chance(8))) {
      sockets_.push_back(loop_->new_socket());
    }
    return sockets_[any(static_cast<unsigned>(sockets_.size()))];
  }
  [[nodiscard]] Wait some_wait() { return chance(3) ? Wait{any(3000)} : kLong; }

  // Which event a callback is of is known once the request has returned.
  Callback teller(const std::shared_ptr<EventId>& id) {
    return [this, id](const Event& event) {
      EXPECT_EQ(event.id, *id);
      EXPECT_EQ(waiting_.erase(event.id), 1U) << "told twice, or though it was not to be";
      EXPECT_FALSE(is_asking_) << "told within a request";
      owners_.erase(event.id);
      ++told_;
      while (!is_ending_ && chance(2)) act();
    };
  }
  void keep(const std::shared_ptr<EventId>& id, EventId value, SocketId owner) {
    *id = value;
    EXPECT_TRUE(waiting_.insert(value).second);
    owners_[value] = owner;
    is_asking_ = false;
  }

  void act() {
    const auto id = std::make_shared<EventId>();
    const SocketId socket = some_socket();
    switch (any(12)) {
      case 0:
      case 1:
        is_asking_ = true;
        return keep(id, loop_->connect_tcp(socket, server_.endpoint(), some_wait(), teller(id)),
                    socket);
      case 2:
        is_asking_ = true;
        return keep(id, loop_->connect_tls(socket, server_.endpoint(), some_wait(), teller(id)),
                    socket);
      case 3:
        is_asking_ = true;
        return keep(id, loop_->start_tls(socket, some_wait(), teller(id)), socket);
      case 4:
      case 5:
        is_asking_ = true;
        return keep(id, loop_->read(socket, some_wait(), teller(id)), socket);
      case 6:
        is_asking_ = true;
        return keep(id, loop_->read_lines(socket, any(4), some_wait(), teller(id)), socket);
      case 7:
      case 8:
        is_asking_ = true;
        return keep(id,
                    loop_->write(socket, std::string(any(chance(9) ? 3'000'000 : 300), 'w'),
                                 some_wait(), teller(id)),
                    socket);
      case 9: is_asking_ = true; return keep(id, loop_->timer(Wait{any(3000)}, teller(id)), {});
      case 10: return cancel();
      default: return close(socket);
    }
  }

  void cancel() {
    if (waiting_.empty()) return;
    auto victim = waiting_.begin();
    std::advance(victim, any(static_cast<unsigned>(waiting_.size())));
    const EventId id = *victim;
    const bool tells = chance(2);
    if (loop_->cancel(id, tells) && !tells) {
      waiting_.erase(id);
      owners_.erase(id);
    }
  }

  void close(SocketId socket) {
    if (!chance(4)) return;
    const bool tells = chance(2);
    std::erase(sockets_, socket);
    loop_->close(socket, tells);
    if (tells) return;
    std::erase_if(owners_, [&](const auto& entry) {
      if (entry.second != socket) return false;
      waiting_.erase(entry.first);
      return true;
    });
  }

  void act_as_peer() {
    const int fd = accept(server_.fd(), nullptr, nullptr);
    if (fd >= 0) {
      fcntl(fd, F_SETFL, O_NONBLOCK);
      peers_.emplace_back(fd);
    }
    if (peers_.empty()) return;
    Peer& peer = peers_[any(static_cast<unsigned>(peers_.size()))];
    switch (any(6)) {
      case 0: return peer.say(std::string(any(200'000), '\n'));
      case 1: return peer.say("220 hello\r\n");
      case 2: return peer.end();
      case 3: peer.reset(); break;
      case 4: peer.close(); break;
      default: {
        char bytes[4096];
        [[maybe_unused]] const auto got = recv(peer.fd(), bytes, sizeof bytes, 0);
        return;
      }
    }
    std::erase_if(peers_, [](const Peer& gone) { return gone.fd() < 0; });
  }

  std::mt19937 random_;
  LocalServer server_;
  std::vector<Peer> peers_;
  std::vector<SocketId> sockets_;
  std::set<EventId> waiting_;
  std::map<EventId, SocketId> owners_;
  std::unique_ptr<Loop> loop_;
  bool is_asking_ = false;
  bool is_ending_ = false;
  int told_ = 0;
};

TEST(LoopChaos, EachEventIsToldOfOnce) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos{seed};
    chaos.run(600);
    EXPECT_GT(chaos.told(), 50);
  }
}

}  // namespace
}  // namespace trawl::service
