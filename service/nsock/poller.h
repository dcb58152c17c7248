#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "service/nsock/descriptor.h"
#include "service/nsock/event.h"

namespace trawl::service {

// Descriptors and what happens on them, by epoll(7). A watch that has ended is never told of, even
// where its number and its place have gone to another in between.
class Poller {
 public:
  enum class Source : std::uint8_t { Wake, Clock, Names, Socket };
  // Numbers of watches; 0 for none.
  enum class Watch : std::uint64_t {};

  struct Ready {
    Source source = Source::Socket;
    std::uint64_t key = 0;     // As it was given.
    std::uint32_t events = 0;  // EPOLLIN...
  };

  [[nodiscard]] static Result<Poller> open();

  // Watch{} where the kernel refuses (errno(3) tells why). `events` may have EPOLLET.
  [[nodiscard]] Watch add(int fd, std::uint32_t events, Source source, std::uint64_t key);
  void change(Watch watch, int fd, std::uint32_t events) noexcept;
  // Before the descriptor is closed; Watch{} is left alone. Where it is closed at once, nobody else
  // can have it, and the kernel forgets the watch by itself.
  void remove(Watch watch, int fd, bool closes_at_once) noexcept;

  // Waits at most that long, then next() tells what is ready.
  void wait(Wait longest) noexcept;
  [[nodiscard]] std::optional<Ready> next() noexcept;
  // next() has not been asked for all of them.
  [[nodiscard]] bool has_ready() const noexcept { return next_ready_ < ready_count_; }

  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  [[nodiscard]] std::size_t watches() const noexcept { return slots_.size() - free_.size(); }

 private:
  // So few that timers are looked at often, so many that waiting costs little beside the work.
  static constexpr std::size_t kMostReady = 128;

  struct Slot {
    std::uint32_t generation = 1;
    Source source = Source::Socket;
    bool is_used = false;
    std::uint64_t key = 0;
  };

  Descriptor epoll_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::array<epoll_event, kMostReady> ready_{};
  std::size_t ready_count_ = 0;
  std::size_t next_ready_ = 0;
};

}  // namespace trawl::service
