#include "service/nsock/packet_source.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace trawl::service {

Result<std::shared_ptr<PacketSource>> PacketSource::open(const Settings& settings) {
  if (settings.packets == 0 || settings.packets > kMostPackets) {
    return fail(ExitCode::BadInput,
                fmt::format("a packet source holds 1 to {} packets", kMostPackets));
  }
  if (settings.most_bytes > kMostBytes) {
    return fail(ExitCode::BadInput,
                fmt::format("a packet source keeps at most {} bytes of a packet", kMostBytes));
  }
  const std::size_t packets = std::bit_ceil(settings.packets);
  if (packets * settings.most_bytes > kMostMemory) {
    return fail(ExitCode::BadInput,
                fmt::format("{} packets of {} bytes are too much for a packet source; keep fewer "
                            "of them, or less of each",
                            packets, settings.most_bytes));
  }
  Descriptor wake_fd{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake_fd.is_open()) {
    return fail(ExitCode::Runtime, fmt::format("eventfd: {}", std::strerror(errno)));
  }
  return std::shared_ptr<PacketSource>{
      new PacketSource{std::move(wake_fd), packets, settings.most_bytes}};
}

PacketSource::PacketSource(Descriptor wake_fd, std::size_t packets, std::size_t most_bytes)
    : wake_fd_{std::move(wake_fd)},
      most_bytes_{most_bytes},
      slots_(packets),
      bytes_(packets * most_bytes) {}

std::size_t PacketSource::offer(std::span<const SeenPacket> burst) noexcept {
  if (has_ended_.load(std::memory_order_relaxed)) return 0;
  const std::uint64_t put = put_.load(std::memory_order_relaxed);
  if (slots_.size() - (put - known_taken_) < burst.size()) {
    known_taken_ = taken_.load(std::memory_order_acquire);
  }
  const std::size_t count =
      std::min<std::size_t>(burst.size(), slots_.size() - (put - known_taken_));
  if (count == 0) return 0;
  for (std::size_t i = 0; i < count; ++i) this->put(put + i, burst[i]);
  // In one order with sleep(): it sees these packets, or wake() sees that it sleeps.
  put_.store(put + count, std::memory_order_seq_cst);
  wake();
  return count;
}

void PacketSource::put(std::uint64_t place, const SeenPacket& packet) noexcept {
  const std::size_t slot = static_cast<std::size_t>(place) & (slots_.size() - 1);
  std::byte* const to = bytes_.data() + slot * most_bytes_;
  const auto kept = packet.bytes.first(std::min(packet.bytes.size(), most_bytes_));
  std::copy(kept.begin(), kept.end(), to);
  slots_[slot] = {.details = packet.details, .from = packet.from, .bytes = {to, kept.size()}};
}

void PacketSource::end() noexcept {
  has_ended_.store(true, std::memory_order_seq_cst);
  wake();
}

void PacketSource::wake() noexcept {
  if (!sleeps_.load(std::memory_order_seq_cst) || !sleeps_.exchange(false)) return;
  ++wakes_;
  // It does not block, nor would the counter be full in an age of the world.
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof one);
}

std::unique_ptr<PacketReader> PacketReader::claim(std::shared_ptr<PacketSource> source) {
  // What another reader did before is seen by this one.
  if (source == nullptr || source->has_reader_.exchange(true)) return nullptr;
  return std::unique_ptr<PacketReader>{new PacketReader{std::move(source)}};
}

PacketReader::~PacketReader() { source_->has_reader_.store(false); }

const SeenPacket* PacketReader::front() noexcept {
  PacketSource& source = *source_;
  const std::uint64_t taken = source.taken_.load(std::memory_order_relaxed);
  if (taken == source.known_put_) {
    source.known_put_ = source.put_.load(std::memory_order_acquire);
    if (taken == source.known_put_) return nullptr;
  }
  return &source.slots_[static_cast<std::size_t>(taken) & (source.slots_.size() - 1)];
}

void PacketReader::pop() noexcept {
  source_->taken_.store(source_->taken_.load(std::memory_order_relaxed) + 1,
                        std::memory_order_release);
}

bool PacketReader::sleep() noexcept {
  PacketSource& source = *source_;
  source.sleeps_.store(true, std::memory_order_seq_cst);
  if (source.put_.load(std::memory_order_seq_cst) ==
          source.taken_.load(std::memory_order_relaxed) &&
      !source.has_ended_.load(std::memory_order_seq_cst)) {
    return true;
  }
  source.sleeps_.store(false, std::memory_order_relaxed);
  return false;
}

bool PacketReader::has_ended() const noexcept {
  return source_->has_ended_.load(std::memory_order_acquire);
}

}  // namespace trawl::service
