#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "service/nsock/loop.h"
#include "service/nsock/loop_impl.h"

namespace trawl::service {

SocketId Loop::new_socket(SocketSettings settings) {
  const SocketId id{++impl_->last_socket};
  auto socket = std::make_unique<Socket>();
  socket->id = id;
  socket->settings = std::move(settings);
  impl_->sockets.emplace(static_cast<std::uint64_t>(id), std::move(socket));
  impl_->trace.made(id);
  return id;
}

void Loop::close(SocketId socket, bool tells) { impl_->close(socket, tells); }
void Loop::abandon(SocketId socket) { impl_->abandon(socket); }

EventId Loop::connect_tcp(SocketId socket, const Endpoint& to, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::Connect, Request::Connect, socket, std::move(done));
  return impl_->connect(event, to, timeout);
}

EventId Loop::connect_udp(SocketId socket, const Endpoint& to, Callback done) {
  auto& event = impl_->ask(EventKind::Connect, Request::ConnectUdp, socket, std::move(done));
  return impl_->connect(event, to, kForever);
}

EventId Loop::connect_unix(SocketId socket, const std::string& path, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::Connect, Request::ConnectUnix, socket, std::move(done));
  event.path = path;
  return impl_->connect(event, {}, timeout);
}

EventId Loop::connect_tls(SocketId socket, const Endpoint& to, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::ConnectTls, Request::ConnectTls, socket, std::move(done));
  return impl_->connect(event, to, timeout);
}

EventId Loop::start_tls(SocketId socket, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::ConnectTls, Request::StartTls, socket, std::move(done));
  return impl_->start_tls(event, timeout);
}

Result<void> Loop::open_udp(SocketId socket, AddressFamily family) {
  auto opened = impl_->open_unconnected(socket, Socket::Kind::Udp, family, 0);
  if (opened) impl_->trace.opened_udp(socket);
  return opened;
}

Result<void> Loop::open_raw(SocketId socket, AddressFamily family, int protocol) {
  return impl_->open_unconnected(socket, Socket::Kind::Raw, family, protocol);
}

Result<void> Loop::open_pcap(SocketId socket, const std::string& device, const std::string& filter,
                             int snap_length, bool promiscuous) {
  return impl_->open_pcap(
      socket,
      {.device = device, .filter = filter, .snap_length = snap_length, .promiscuous = promiscuous});
}

Result<void> Loop::open_packets(SocketId socket, std::shared_ptr<PacketSource> source) {
  return impl_->open_packets(socket, std::move(source));
}

EventId Loop::read_pcap(SocketId socket, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::PcapRead, Request::Pcap, socket, std::move(done));
  return impl_->read_packet(event, Socket::Kind::Pcap, timeout);
}

EventId Loop::read_packet(SocketId socket, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::PcapRead, Request::Packet, socket, std::move(done));
  return impl_->read_packet(event, Socket::Kind::Packets, timeout);
}

EventId Loop::resolve(const std::string& name, AddressFamily family, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::Resolve, Request::Resolve, {}, std::move(done));
  event.path = name;
  const EventId id = event.id;
  impl_->limit(event, timeout);
  impl_->trace.asked(event, nullptr);
  impl_->names->ask(id, name, family);
  impl_->set_clock();
  return id;
}

EventId Loop::read(SocketId socket, Wait timeout, Callback done) {
  return impl_->read(socket, ReadGoal::Any, 0, timeout, std::move(done));
}

EventId Loop::read_lines(SocketId socket, std::size_t lines, Wait timeout, Callback done) {
  return impl_->read(socket, ReadGoal::Lines, lines, timeout, std::move(done));
}

EventId Loop::read_bytes(SocketId socket, std::size_t bytes, Wait timeout, Callback done) {
  return impl_->read(socket, ReadGoal::Bytes, bytes, timeout, std::move(done));
}

EventId Loop::write(SocketId socket, std::string bytes, Wait timeout, Callback done) {
  auto& event = impl_->ask(EventKind::Write, Request::Write, socket, std::move(done));
  event.bytes = std::move(bytes);
  return impl_->write(event, timeout);
}

EventId Loop::send_to(SocketId socket, const Endpoint& to, std::string bytes, Callback done) {
  auto& event = impl_->ask(EventKind::Write, Request::SendTo, socket, std::move(done));
  event.bytes = std::move(bytes);
  event.to = to;
  return impl_->write(event, kForever);
}

EventId Loop::timer(Wait delay, Callback done) {
  auto& event = impl_->ask(EventKind::Timer, Request::Timer, {}, std::move(done));
  impl_->limit(event, delay);
  impl_->trace.asked(event, nullptr);
  return event.id;
}

bool Loop::cancel(EventId event, bool tells) { return impl_->cancel(event, tells); }

bool Loop::turn(Wait longest) {
  const auto impl = impl_;  // A callback may throw the loop away.
  return impl->turn(longest);
}

void Loop::run() {
  const auto impl = impl_;
  impl->is_stopped = false;
  while (impl->events.size() > 0 && !impl->is_stopped) impl->turn(kForever);
}

void Loop::stop() noexcept { impl_->is_stopped = true; }

void Loop::wake() noexcept {
  // Where the counter is full, the loop is being woken anyway.
  const std::uint64_t one = 1;
  while (::write(impl_->wake_fd.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Loop::on_wake(std::function<void()> woken) { impl_->woken = std::move(woken); }

int Loop::fd() const noexcept {
  if (!impl_->is_nested) {
    impl_->clock_fd = Descriptor{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    impl_->is_nested =
        impl_->clock_fd.is_open() && impl_->poller.add(impl_->clock_fd.get(), EPOLLIN,
                                                       Poller::Source::Clock, 0) != Poller::Watch{};
    impl_->set_clock();
  }
  return impl_->poller.fd();
}

SteadyTime Loop::now() const noexcept { return impl_->now; }

std::optional<TlsDetails> Loop::tls_details(SocketId socket) const {
  const Socket* const found = impl_->find(socket);
  if (found == nullptr || found->tls == nullptr || found->stage != Socket::Stage::Open) {
    return std::nullopt;
  }
  return found->tls->details();
}

Endpoint Loop::local_endpoint(SocketId socket) const {
  const Socket* const found = impl_->find(socket);
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (found == nullptr || !found->fd.is_open() ||
      getsockname(found->fd.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return {};
  }
  return endpoint_of(name);
}

Loop::Statistics Loop::statistics() const noexcept {
  Statistics now = impl_->statistics;
  now.pending = impl_->events.size();
  now.sockets = impl_->sockets.size();
  return now;
}

void Loop::trace_to(std::function<void(std::string_view)> trace) {
  impl_->trace.to(std::move(trace));
}

}  // namespace trawl::service
