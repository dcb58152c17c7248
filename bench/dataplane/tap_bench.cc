// What a TAP carries, and what that costs probes.
//
//   tap_bench [SECONDS]     as root; in a network namespace of its own, without a way out
//
// 1. Both ways at once, small frames: one thread passes frames up as fast as the ring takes them,
// to
//    a UDP socket that drops them, while another sends datagrams through the TAP and a third takes
//    what comes down. Thousands of frames a second by the clock, and by the CPU time of the thread
//    that carries them: on a machine with too few CPUs the second is what a CPU would carry.
// 2. What passing a frame up costs a receiving core.
// 3. A sending core over net_null at full rate, with and without 500,000 frames a second of the
//    kernel beside its probes: the ratio of probe rates, pair by pair.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/exception/kernel_exchange.h"
#include "dataplane/exception/tap_device.h"
#include "dataplane/exception/tap_forwarder.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

using Clock = std::chrono::steady_clock;

constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr unsigned kSinkPort = 40000;
constexpr Ipv4Address kGateway{0xc6120002};  // 198.18.0.2
constexpr double kKernelRate = 500'000.0;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "tap_bench: {}\n", why);
  std::exit(77);
}

ScanTraffic traffic() {
  return {.kind = ProbeKind::TcpSyn, .ports = kPorts, .vlan = {}, .sources = {kOurs}};
}

std::shared_ptr<KernelExchange> make_exchange() {
  return std::make_shared<KernelExchange>(
      KernelExchange::Config{.traffic = traffic(), .mac = kOurMac, .gateway = kGateway}, Ipv4Set{},
      Ipv6Set{});
}

// Seconds of CPU time of this process's thread with that name.
double cpu_time_of(const std::string& thread) {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream name{task.path() / "comm"};
    std::string text;
    if (!std::getline(name, text) || text != thread) continue;
    std::ifstream statistics{task.path() / "schedstat"};  // Nanoseconds on a CPU come first.
    double nanoseconds = 0.0;
    statistics >> nanoseconds;
    return nanoseconds / 1e9;
  }
  return 0.0;
}

sockaddr_in endpoint(Ipv4Address address, unsigned port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  result.sin_addr.s_addr = htonl(address.value());
  return result;
}

// Datagrams of 18 bytes to beyond the gateway, 64 a call.
void send_datagrams(const std::atomic<bool>& stop) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in to = endpoint(kPeer, 9);
  (void)connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  std::array<char, 18> payload{};
  iovec part{payload.data(), payload.size()};
  std::array<mmsghdr, 64> messages{};
  for (auto& message : messages) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }
  while (!stop) (void)sendmmsg(fd, messages.data(), messages.size(), 0);
  close(fd);
}

void measure_carrying(double seconds) {
  auto device = TapDevice::make({.name = "trawl0",
                                 .mac = kOurMac,
                                 .mtu = 1500,
                                 .addresses = {kOurs},
                                 .gateway = kGateway,
                                 .gateway_mac = kPeerMac});
  if (!device) give_up(device.error().message);
  const int sink = socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in at = endpoint(kOurs, kSinkPort);
  (void)bind(sink, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  const auto exchange = make_exchange();
  const TapForwarder forwarder{std::move(*device), *exchange, {}};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> passed{0};
  std::uint64_t came = 0;
  std::thread up{[&] {
    const Frame frame = udp_frame(53, kSinkPort, Frame(18));
    while (!stop) {
      unsigned count = 0;
      while (count < 64 && exchange->pass_up(frame)) ++count;
      exchange->publish_up();
      passed += count;
      if (count == 0) std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
  }};
  std::thread sender{[&] { send_datagrams(stop); }};
  std::thread down{[&] {
    while (!stop) {
      const std::uint32_t count = exchange->down().waiting();
      exchange->down().pop(count);
      came += count;
      if (count < 256) std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
  }};
  const auto began = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  const double up_time = cpu_time_of("trawl-tap-up");
  const double down_time = cpu_time_of("trawl-tap-down");
  stop = true;
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  for (std::thread* const thread : {&up, &sender, &down}) thread->join();
  close(sink);
  const auto thousands = [](std::uint64_t frames, double time) {
    return static_cast<double>(frames) / time / 1e3;
  };
  fmt::print("to the kernel    {:7.0f} kpps, {:7.0f} kpps a CPU\n", thousands(passed, took),
             thousands(passed, up_time));
  fmt::print("from the kernel  {:7.0f} kpps, {:7.0f} kpps a CPU\n", thousands(came, took),
             thousands(came, down_time));
}

// What a frame for the kernel costs the receiving core: to tell whose it is, and to copy it.
void measure_passing() {
  constexpr unsigned kRounds = 20'000;
  constexpr unsigned kBurst = 64;
  const auto exchange = make_exchange();
  for (const std::size_t payload : {18U, 1472U}) {
    const Frame frame = udp_frame(53, kSinkPort, Frame(payload));
    const auto began = Clock::now();
    for (unsigned round = 0; round < kRounds; ++round) {
      for (unsigned i = 0; i < kBurst; ++i) {
        if (!exchange->is_kernels(frame) || !exchange->pass_up(frame)) std::abort();
      }
      exchange->publish_up();
      exchange->up().pop(kBurst);
    }
    const std::chrono::duration<double, std::nano> took = Clock::now() - began;
    fmt::print("receiving core   {:7.1f} ns a frame of {} bytes\n", took.count() / kRounds / kBurst,
               frame.size());
  }
}

ScanPlan make_plan(std::shared_ptr<KernelExchange> kernel) {
  return ScanPlan{.cookies = {ScanKey{7, 7, 7}, kOurs, kPorts, ProbeKind::TcpSyn},
                  .probe = {ProbeKind::TcpSyn, {kOurMac, kOurs, VlanId{}}, nullptr},
                  .parser = {kOurs, kPorts},
                  .guard = SwappableGuard{EgressGuard{Ipv4Set{}}},
                  .neighbours = std::move(
                      *Neighbours::make({.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac})),
                  .clock = TscClock::calibrate(),
                  .mac = kOurMac,
                  .source = kOurs,
                  .rate = PacketsPerSecond::unlimited(),
                  .kernel = std::move(kernel),
                  .max_runtime = std::nullopt,
                  .receive = false,
                  .shares_cpu = false};
}

std::uint64_t count(const Scanner& scanner, Counter counter) {
  return scanner.counters()[static_cast<std::size_t>(counter)];
}

// Offers the frame at kKernelRate, as the thread that reads the TAP would.
void offer(KernelExchange& kernel, const std::atomic<bool>& stop) {
  const Frame frame = udp_frame(40001, 53, Frame(18), {.from = kOurs, .to = kPeer, .protocol = 17});
  const auto began = Clock::now();
  std::uint64_t offered = 0;
  while (!stop) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
    while (static_cast<double>(offered) < elapsed * kKernelRate) {
      const auto slot = kernel.read_slot();
      if (slot.empty()) break;
      std::ranges::copy(frame, slot.begin());
      kernel.take_down(frame.size());
      ++offered;
    }
    kernel.down().publish();
    std::this_thread::sleep_for(std::chrono::microseconds{200});
  }
}

struct Rates {
  double probes = 0.0;
  double kernel = 0.0;
};

Rates send_probes(Link& link, bool with_kernel, double seconds) {
  auto kernel = with_kernel ? make_exchange() : nullptr;
  auto scanner = Scanner::make(make_plan(kernel), link, 1);
  if (!scanner) give_up(scanner.error().message);
  Ipv4Set set;
  set.add(Ipv4Prefix{Ipv4Address{0x08000000}, 5});
  auto space = std::make_shared<TargetSpace>(RankedSet<Ipv4Address>{set},
                                             std::vector<std::uint16_t>{80, 443, 22, 25});
  const std::uint64_t size = space->size();
  (*scanner)->begin_sweep({.space = std::move(space),
                           .order = {size, 1, 2},
                           .first = 0,
                           .last = size,
                           .attempt = 1,
                           .skip = {}});
  std::atomic<bool> stop{false};
  std::thread offering;
  if (kernel) offering = std::thread{[&] { offer(*kernel, stop); }};
  (*scanner)->start();
  const auto began = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  const Rates rates{static_cast<double>(count(**scanner, Counter::ProbesSent)) / took,
                    static_cast<double>(count(**scanner, Counter::TxKernel)) / took};
  (*scanner)->stop();
  stop = true;
  if (offering.joinable()) offering.join();
  return rates;
}

void measure_probes(double seconds) {
  constexpr unsigned kPairs = 5;
  const auto spec = *LinkSpec::parse("net_null0");
  const auto started = Eal::start({.polling_cpus = {allowed_cpus().front()},
                                   .link = spec,
                                   .memory = ByteCount::mebibytes(512)});
  if (!started) give_up(started.error().message);
  {
    auto link = Link::open(spec, {.senders = 1});
    if (!link) give_up(link.error().message);
    std::array<double, kPairs> ratios{};
    for (double& ratio : ratios) {
      const Rates without = send_probes(**link, false, seconds);
      const Rates with = send_probes(**link, true, seconds);
      ratio = with.probes / without.probes;
      fmt::print("probes {:6.2f} Mpps alone, {:6.2f} beside {:4.0f} kpps of the kernel: {:.3f}\n",
                 without.probes / 1e6, with.probes / 1e6, with.kernel / 1e3, ratio);
    }
    std::ranges::sort(ratios);
    fmt::print("with / without   {:.3f} ({:.3f} to {:.3f})\n", ratios[kPairs / 2], ratios.front(),
               ratios.back());
  }
  Eal::stop();
}

}  // namespace
}  // namespace trawl::dataplane

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  if (unshare(CLONE_NEWNET) != 0) trawl::dataplane::give_up("needs root for a network namespace");
  trawl::dataplane::measure_carrying(seconds);
  trawl::dataplane::measure_passing();
  trawl::dataplane::measure_probes(seconds);
  return 0;
}
