#include "bench/service/uring_loop.h"

#include <fmt/format.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "bench/service/bench_namespace.h"

namespace trawl::service_bench {
namespace {

constexpr unsigned kStepsOfOne = 3;  // Connect, read, close.

Failure failed(const char* what, int error) {
  return fail(ExitCode::Runtime, fmt::format("{}: {}", what, std::strerror(error)));
}

// The two queues that io_uring_setup(2) shares with the kernel, without a library.
class Uring {
 public:
  Uring() = default;
  ~Uring() {
    if (entries_ != nullptr) munmap(entries_, entries_size_);
    if (rings_ != nullptr) munmap(rings_, rings_size_);
    if (fd_ >= 0) close(fd_);
  }
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  // 0, or what errno(3) says. The kernel takes at least so many requests between two waits.
  [[nodiscard]] int open(unsigned entries) {
    io_uring_params params{};
    // The fastest that Linux 6.1 has; older ones are asked without.
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    fd_ = setup(entries, params);
    if (fd_ < 0 && errno == EINVAL) {
      params = {};
      fd_ = setup(entries, params);
    }
    if (fd_ < 0) return errno;
    if ((params.features & IORING_FEAT_SINGLE_MMAP) == 0) return ENOSYS;
    rings_size_ = std::max(params.sq_off.array + params.sq_entries * sizeof(unsigned),
                           params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
    rings_ = map(rings_size_, IORING_OFF_SQ_RING);
    entries_size_ = params.sq_entries * sizeof(io_uring_sqe);
    entries_ = map(entries_size_, IORING_OFF_SQES);
    if (rings_ == nullptr || entries_ == nullptr) return errno;
    asked_tail_ = at<unsigned>(params.sq_off.tail);
    done_head_ = at<unsigned>(params.cq_off.head);
    done_tail_ = at<unsigned>(params.cq_off.tail);
    done_ = at<io_uring_cqe>(params.cq_off.cqes);
    asked_mask_ = params.sq_entries - 1;
    done_mask_ = params.cq_entries - 1;
    auto* const array = at<unsigned>(params.sq_off.array);
    for (unsigned i = 0; i < params.sq_entries; ++i) array[i] = i;
    return 0;
  }

  // A request to be filled in. Needs fewer of them since the last wait() than open() was told.
  io_uring_sqe& ask(std::uint8_t what, int fd, std::uint64_t key) noexcept {
    io_uring_sqe& entry = static_cast<io_uring_sqe*>(entries_)[(begun_ + new_) & asked_mask_];
    ++new_;
    entry = {};
    entry.opcode = what;
    entry.fd = fd;
    entry.user_data = key;
    return entry;
  }

  // Hands over what was asked, and waits until something is done. 0, or what errno(3) says.
  [[nodiscard]] int wait() noexcept {
    begun_ += new_;
    std::atomic_ref{*asked_tail_}.store(begun_, std::memory_order_release);
    const long taken = syscall(SYS_io_uring_enter, fd_, std::exchange(new_, 0), 1U,
                               IORING_ENTER_GETEVENTS, nullptr, std::size_t{0});
    return taken < 0 && errno != EINTR ? errno : 0;
  }

  // Calls `take(key, result)` for each that is done.
  template <typename Take>
  void take_done(Take take) {
    unsigned head = *done_head_;
    const unsigned tail = std::atomic_ref{*done_tail_}.load(std::memory_order_acquire);
    for (; head != tail; ++head) {
      const io_uring_cqe& one = done_[head & done_mask_];
      take(one.user_data, one.res);
    }
    std::atomic_ref{*done_head_}.store(head, std::memory_order_release);
  }

 private:
  static int setup(unsigned entries, io_uring_params& params) noexcept {
    return static_cast<int>(syscall(SYS_io_uring_setup, entries, &params));
  }
  [[nodiscard]] void* map(std::size_t size, off_t what) const noexcept {
    void* const place =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, what);
    return place == MAP_FAILED ? nullptr : place;
  }
  template <typename T>
  [[nodiscard]] T* at(std::size_t offset) const noexcept {
    return reinterpret_cast<T*>(static_cast<std::byte*>(rings_) + offset);
  }

  int fd_ = -1;
  void* rings_ = nullptr;
  std::size_t rings_size_ = 0;
  void* entries_ = nullptr;
  std::size_t entries_size_ = 0;
  unsigned* asked_tail_ = nullptr;
  unsigned* done_head_ = nullptr;
  unsigned* done_tail_ = nullptr;
  const io_uring_cqe* done_ = nullptr;
  unsigned asked_mask_ = 0;
  unsigned done_mask_ = 0;
  unsigned begun_ = 0;  // Requests that the kernel was told of...
  unsigned new_ = 0;    // ...and those since.
};

class Runner {
  struct Place {
    int fd = -1;
    sockaddr_in to{};
    std::array<char, 4096> buffer{};
  };
  enum Step : std::uint64_t { Connect, Read, Close };

 public:
  Runner(std::uint16_t port, std::uint64_t connections, unsigned at_once, UringSteps steps)
      : port_{port}, left_{connections}, steps_{steps}, places_(at_once) {}

  [[nodiscard]] Result<void> run() {
    const auto places = static_cast<unsigned>(places_.size());
    if (const int error = ring_.open(std::bit_ceil(places * kStepsOfOne)); error != 0) {
      return failed("io_uring_setup", error);
    }
    const std::uint64_t all = left_;
    for (unsigned i = 0; i < places && left_ > 0; ++i) begin(i);
    while (done_ < all && error_ == 0) {
      if (const int error = ring_.wait(); error != 0) return failed("io_uring_enter", error);
      ring_.take_done([this](std::uint64_t key, int result) { step(key, result); });
    }
    if (error_ != 0) return failed("a connection", error_);
    return {};
  }

 private:
  static std::uint64_t key_of(std::uint64_t place, Step step) { return place << 2U | step; }

  void begin(std::uint64_t i) {
    Place& place = places_[i];
    // Not O_NONBLOCK: the kernel would say EAGAIN instead of waiting for it.
    place.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (place.fd < 0) error_ = errno;
    --left_;
    place.to.sin_family = AF_INET;
    place.to.sin_port = htons(port_);
    place.to.sin_addr.s_addr = htonl(loopback_address(begun_++));
    auto& connect = ring_.ask(IORING_OP_CONNECT, place.fd, key_of(i, Connect));
    connect.addr = reinterpret_cast<std::uintptr_t>(&place.to);
    connect.off = sizeof place.to;
    if (steps_ == UringSteps::OneByOne) return;
    // Told of only where they fail.
    connect.flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    read(i).flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    ring_.ask(IORING_OP_CLOSE, place.fd, key_of(i, Close));
  }

  io_uring_sqe& read(std::uint64_t i) {
    Place& place = places_[i];
    auto& read = ring_.ask(IORING_OP_RECV, place.fd, key_of(i, Read));
    read.addr = reinterpret_cast<std::uintptr_t>(place.buffer.data());
    read.len = static_cast<std::uint32_t>(place.buffer.size());
    return read;
  }

  void step(std::uint64_t key, int result) {
    const std::uint64_t place = key >> 2U;
    if (result < 0) {
      if (error_ == 0) error_ = -result;
      return;
    }
    switch (key & 3U) {
      case Connect: read(place); return;
      case Read:
        if (result == 0) error_ = ECONNRESET;
        ring_.ask(IORING_OP_CLOSE, places_[place].fd, key_of(place, Close));
        return;
      default:
        ++done_;
        if (left_ > 0) begin(place);
    }
  }

  std::uint16_t port_;
  std::uint64_t left_;
  UringSteps steps_;
  std::vector<Place> places_;
  Uring ring_;
  std::uint64_t begun_ = 0;
  std::uint64_t done_ = 0;
  int error_ = 0;
};

}  // namespace

Result<double> run_uring_loop(std::uint16_t port, std::uint64_t connections, unsigned at_once,
                              UringSteps steps) {
  const auto start = std::chrono::steady_clock::now();
  Runner runner{port, connections, at_once, steps};
  if (auto done = runner.run(); !done) return Failure{done.error()};
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

}  // namespace trawl::service_bench
