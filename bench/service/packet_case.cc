#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/service/bench_namespace.h"
#include "bench/service/case_report.h"
#include "bench/service/loop_cases.h"
#include "service/nsock/descriptor.h"
#include "service/nsock/loop.h"

namespace trawl::service_bench {
namespace {

using service::Event;
using service::EventStatus;
using service::Loop;
using service::PacketSource;
using service::SeenPacket;
using service::SocketId;
using service::Wait;

constexpr std::size_t kPacketSize = 64;
constexpr std::size_t kBurst = 32;
constexpr unsigned kReads = 64;  // That wait at once.
constexpr std::uint16_t kPort = 40'000;
constexpr double kLeastRatio = 1;

// What came through, and how often the producer was busy with waking.
struct Passed {
  double per_second = 0;  // Of the loop's processor time.
  double wakes_per_packet = 0;
};

using ReadOne = std::function<void(service::Callback)>;

double thread_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

// Reads until `seconds` are over, while `produce` sends more than can be read on another processor.
// Packets for each second that the loop had a processor; < 0 where a read fails.
double read_for(Loop& loop, double seconds, const ReadOne& read_one,
                const std::function<void()>& produce) {
  std::atomic<bool> ends{false};
  std::thread producer{[&] {
    stay_on_processor(1);
    while (!ends.load(std::memory_order_relaxed)) produce();
  }};
  std::uint64_t packets = 0;
  bool works = true;
  const service::Callback take = [&](const Event& event) {
    works = works && event.status == EventStatus::Success;
    ++packets;
    if (works) read_one(take);
  };
  const double start = thread_seconds();
  for (unsigned i = 0; i < kReads; ++i) read_one(take);
  loop.timer(std::chrono::duration_cast<Wait>(std::chrono::duration<double>{seconds}),
             [&](const Event&) { loop.stop(); });
  loop.run();
  const double took = thread_seconds() - start;
  ends = true;
  producer.join();
  return works ? static_cast<double>(packets) / took : -1;
}

Passed pass_by_source(double seconds) {
  auto loop = Loop::open({});
  auto source = PacketSource::open({});
  if (!loop || !source) return {};
  const SocketId socket = (*loop)->new_socket();
  if (!(*loop)->open_packets(socket, *source)) return {};
  const std::array<std::byte, kPacketSize> bytes{};
  std::array<SeenPacket, kBurst> burst{};
  for (SeenPacket& packet : burst) packet.bytes = bytes;
  std::uint64_t taken = 0;
  Passed passed;
  passed.per_second = read_for(
      **loop, seconds,
      [&](service::Callback done) {
        (*loop)->read_packet(socket, service::kForever, std::move(done));
      },
      [&] { taken += (*source)->offer(burst); });
  passed.wakes_per_packet = static_cast<double>((*source)->wakes()) / static_cast<double>(taken);
  return passed;
}

Passed pass_by_datagrams(double seconds) {
  auto loop = Loop::open({});
  if (!loop) return {};
  const SocketId socket =
      (*loop)->new_socket({.from = Ipv4Address{INADDR_LOOPBACK}, .from_port = kPort});
  if (!(*loop)->open_udp(socket, AddressFamily::V4)) return {};
  const service::Descriptor sender{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kPort);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(sender.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  const std::array<char, kPacketSize> bytes{};
  return {.per_second = read_for(
              **loop, seconds,
              [&](service::Callback done) {
                (*loop)->read(socket, service::kForever, std::move(done));
              },
              [&] { (void)send(sender.get(), bytes.data(), bytes.size(), 0); })};
}

}  // namespace

bool pass_packets(const CaseOptions& options) {
  std::vector<double> source;
  std::vector<double> datagrams;
  std::vector<double> wakes;
  for (unsigned round = 0; round < options.rounds; ++round) {
    const Passed ours = pass_by_source(options.seconds / options.rounds);
    const Passed peer = pass_by_datagrams(options.seconds / options.rounds);
    if (ours.per_second <= 0 || peer.per_second <= 0) return say(false, "packets do not come");
    source.push_back(ours.per_second);
    wakes.push_back(ours.wakes_per_packet);
    datagrams.push_back(peer.per_second);
  }
  const double ratio = median(source) / median(datagrams);
  return say(ratio >= kLeastRatio,
             fmt::format("packets of {} bytes from another core, a second of the loop's processor "
                         "time: {:.0f} by a packet source, {:.4f} wakes for each; {:.0f} by "
                         "datagrams, ratio {:.2f} (asked >= {}), medians of {}",
                         kPacketSize, median(source), median(wakes), median(datagrams), ratio,
                         kLeastRatio, options.rounds));
}

}  // namespace trawl::service_bench
