#include "service/nsock/poller.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>

namespace trawl::service {
namespace {

constexpr Wait kLongestWait = std::chrono::hours{24};

std::uint32_t slot_of(std::uint64_t watch) noexcept { return static_cast<std::uint32_t>(watch); }
std::uint32_t generation_of(std::uint64_t watch) noexcept {
  return static_cast<std::uint32_t>(watch >> 32U);
}

// Kernels before 5.11 wait in milliseconds, rounded up: too late rather than over and over.
int wait_in_milliseconds(int fd, epoll_event* events, int most, Wait longest) noexcept {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
  return epoll_wait(fd, events, most, static_cast<int>(whole));
}

int wait_in_microseconds(int fd, epoll_event* events, int most, Wait longest) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
  const timespec time{.tv_sec = seconds.count(),
                      .tv_nsec = std::chrono::nanoseconds{longest - seconds}.count()};
  const int ready = epoll_pwait2(fd, events, most, &time, nullptr);
  if (ready < 0 && (errno == ENOSYS || errno == EPERM)) {
    return wait_in_milliseconds(fd, events, most, longest);
  }
  return ready;
}

}  // namespace

Result<Poller> Poller::open() {
  Poller poller;
  poller.epoll_ = Descriptor{epoll_create1(EPOLL_CLOEXEC)};
  if (!poller.epoll_.is_open()) {
    return fail(ExitCode::Runtime, fmt::format("epoll_create1: {}", std::strerror(errno)));
  }
  return poller;
}

Poller::Watch Poller::add(int fd, std::uint32_t events, Source source, std::uint64_t key) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  Slot& slot = slots_[place];
  const std::uint64_t watch = std::uint64_t{slot.generation} << 32U | place;
  epoll_event wanted{.events = events, .data = {.u64 = watch}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0) return Watch{};
  free_.pop_back();
  slot.source = source;
  slot.key = key;
  slot.is_used = true;
  return Watch{watch};
}

void Poller::change(Watch watch, int fd, std::uint32_t events) noexcept {
  epoll_event wanted{.events = events, .data = {.u64 = static_cast<std::uint64_t>(watch)}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &wanted);
}

void Poller::remove(Watch watch, int fd, bool closes_at_once) noexcept {
  if (watch == Watch{}) return;
  const std::uint32_t place = slot_of(static_cast<std::uint64_t>(watch));
  Slot& slot = slots_[place];
  if (!slot.is_used || slot.generation != generation_of(static_cast<std::uint64_t>(watch))) return;
  if (!closes_at_once) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  slot.is_used = false;
  ++slot.generation;
  if (slot.generation == 0) slot.generation = 1;
  free_.push_back(place);
}

void Poller::wait(Wait longest) noexcept {
  next_ready_ = 0;
  ready_count_ = 0;
  const int most = static_cast<int>(ready_.size());
  const int ready = longest <= Wait{0} ? epoll_wait(epoll_.get(), ready_.data(), most, 0)
                                       : wait_in_microseconds(epoll_.get(), ready_.data(), most,
                                                              std::min(longest, kLongestWait));
  if (ready > 0) ready_count_ = static_cast<std::size_t>(ready);
}

std::optional<Poller::Ready> Poller::next() noexcept {
  while (next_ready_ < ready_count_) {
    const epoll_event& event = ready_[next_ready_++];
    const Slot& slot = slots_[slot_of(event.data.u64)];
    if (!slot.is_used || slot.generation != generation_of(event.data.u64)) continue;
    return Ready{.source = slot.source, .key = slot.key, .events = event.events};
  }
  return std::nullopt;
}

}  // namespace trawl::service
