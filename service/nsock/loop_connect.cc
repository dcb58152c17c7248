#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "service/dns/socket_address.h"
#include "service/nsock/loop_impl.h"

namespace trawl::service {
namespace {

// Of a proxy's answer at a time.
constexpr std::size_t kProxyRead = 4096;

bool is_out_of_fds(int error) noexcept { return error == EMFILE || error == ENFILE; }

void set_port(SocketName& name, const Endpoint& endpoint) noexcept {
  if (name.bytes.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&name.bytes)->sin_port = htons(endpoint.port);
    return;
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&name.bytes);
  v6->sin6_port = htons(endpoint.port);
  v6->sin6_scope_id = endpoint.zone;
}

bool set_flag(int fd, int level, int option) noexcept {
  const int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

// 0, or what errno(3) says.
int bind_as_asked(int fd, const SocketSettings& settings, int family) noexcept {
  if (settings.broadcasts && !set_flag(fd, SOL_SOCKET, SO_BROADCAST)) return errno;
  if (!settings.device.empty() &&
      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, settings.device.c_str(),
                 static_cast<socklen_t>(settings.device.size() + 1)) != 0) {
    return errno;
  }
  if (!settings.from && settings.from_port == 0) return 0;
  const IpAddress any = family == AF_INET ? IpAddress{Ipv4Address{}} : IpAddress{Ipv6Address{}};
  const IpAddress from = settings.from.value_or(any);
  if (from.is_v4() != (family == AF_INET)) return EAFNOSUPPORT;
  // A port is chosen when the other side is known, where none is asked for: more connections fit.
  if (settings.from_port == 0) set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  if (settings.from_port != 0) set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
  const SocketName name = socket_name({.ip = from, .port = settings.from_port});
  return bind(fd, name.get(), name.size) == 0 ? 0 : errno;
}

}  // namespace

SocketName socket_name(const Endpoint& endpoint) noexcept {
  const SocketAddress address = to_socket_address(endpoint.ip);
  SocketName name{.bytes = address.bytes, .size = address.size};
  set_port(name, endpoint);
  return name;
}

Endpoint endpoint_of(const sockaddr_storage& name) noexcept {
  Endpoint endpoint;
  const auto ip = to_ip_address(reinterpret_cast<const sockaddr*>(&name));
  if (!ip) return endpoint;
  endpoint.ip = *ip;
  if (name.ss_family == AF_INET) {
    endpoint.port = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
  } else {
    endpoint.port = ntohs(reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port);
    endpoint.zone = reinterpret_cast<const sockaddr_in6*>(&name)->sin6_scope_id;
  }
  return endpoint;
}

bool Loop::Impl::may_send(const IpAddress& ip) {
  if (!options.may_send || options.may_send(ip)) return true;
  ++statistics.blocked;
  return false;
}

bool Loop::Impl::may_send_to(const Socket& socket, const PendingEvent& event) {
  if (!may_send(event.to.ip)) return false;
  // There the packet has a header of its own, which the kernel leaves as it is.
  constexpr std::size_t kHeader = 20;
  constexpr std::size_t kDestination = 16;
  if (socket.kind != Socket::Kind::Raw || socket.protocol != IPPROTO_RAW || !event.to.ip.is_v4() ||
      event.bytes.size() < kHeader) {
    return true;
  }
  std::uint32_t destination = 0;
  std::memcpy(&destination, event.bytes.data() + kDestination, sizeof destination);
  return may_send(Ipv4Address{ntohl(destination)});
}

EventId Loop::Impl::connect(PendingEvent& event, const Endpoint& to, Wait timeout) {
  event.to = to;
  event.timeout = timeout;
  Socket* const socket = event.socket;
  if (socket == nullptr) {
    trace.asked(event, nullptr);
    finish(event, EventStatus::Error, EBADF);
    return event.id;
  }
  if (socket->opening != nullptr || socket->stage != Socket::Stage::Closed) {
    trace.asked(event, socket);
    finish(event, EventStatus::Error, socket->opening != nullptr ? EALREADY : EISCONN);
    return event.id;
  }
  socket->opening = &event;
  socket->peer = to;
  socket->path = event.path;
  const bool is_udp = event.request == Request::ConnectUdp;
  const bool is_unix = event.request == Request::ConnectUnix;
  socket->has_connection = true;
  socket->kind = is_udp ? Socket::Kind::Udp : is_unix ? Socket::Kind::Unix : Socket::Kind::Tcp;
  trace.asked(event, socket);
  ++statistics.connects;
  if (!is_unix && !(may_send(to.ip) && (!uses_proxies(*socket) || may_send(first_hop(event).ip)))) {
    fail_open(*socket, EventStatus::Error, EPERM, "this address must not be contacted");
  } else if (!waiting_for_fd.empty() || !has_fd()) {
    wait_for_fd(event);
  } else {
    open_for(event);
  }
  return event.id;
}

Endpoint Loop::Impl::first_hop(const PendingEvent& event) const {
  if (!uses_proxies(*event.socket)) return event.to;
  const ProxyHop& hop = options.proxies.front();
  return {.ip = hop.ip, .port = hop.port};
}

bool Loop::Impl::has_fd() const noexcept { return open_fds < most_fds; }

void Loop::Impl::wait_for_fd(PendingEvent& event) {
  ++statistics.waited_for_fd;
  waiting_for_fd.push_back(event.id);
  set_clock();
}

void Loop::Impl::start_waiting() {
  // Each costs a few system calls: the others have the next turn.
  constexpr int kMostAtOnce = 64;
  int started = 0;
  starts_more = false;
  while (!waiting_for_fd.empty() && has_fd()) {
    PendingEvent* const event = events.find(waiting_for_fd.front());
    if (event != nullptr && !event->is_done) {
      const int error = open_for(*event);
      if (is_out_of_fds(error)) return;
    }
    waiting_for_fd.pop_front();
    if (++started < kMostAtOnce) continue;
    starts_more = !waiting_for_fd.empty() && has_fd();
    return;
  }
}

// What errno(3) says where there is no descriptor: then the event waits on. 0 otherwise.
int Loop::Impl::open_for(PendingEvent& event) {
  Socket& socket = *event.socket;
  const int error = start_connect(socket, event);
  if (is_out_of_fds(error)) {
    shut(socket);
    const bool waits = !waiting_for_fd.empty() && waiting_for_fd.front() == event.id;
    if (!waits) wait_for_fd(event);
    return error;
  }
  if (error == 0 || error == EINPROGRESS) {
    socket.stage = Socket::Stage::Connecting;
    if (!event.is_queued()) limit(event, event.timeout);
    if (error == 0) {
      socket.can_write = true;
      heat(socket);
    }
  } else {
    fail_open(socket, EventStatus::Error, error);
  }
  return 0;
}

int Loop::Impl::make_fd(Socket& socket, int family, int type, int protocol) {
  socket.fd = Descriptor{::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)};
  if (!socket.fd.is_open()) return errno;
  ++open_fds;
  return 0;
}

// 0 where it is connected, EINPROGRESS, or why it cannot be.
int Loop::Impl::start_connect(Socket& socket, PendingEvent& event) {
  const bool is_unix = socket.kind == Socket::Kind::Unix;
  SocketName name;
  if (is_unix) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (event.path.empty()) return ENOENT;
    if (event.path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    std::memcpy(address.sun_path, event.path.data(), event.path.size());
    std::memcpy(&name.bytes, &address, sizeof address);
    name.size = sizeof address;
  } else {
    name = socket_name(first_hop(event));
  }
  const int family = name.bytes.ss_family;
  const int type = socket.kind == Socket::Kind::Udp ? SOCK_DGRAM : SOCK_STREAM;
  if (const int error = make_fd(socket, family, type, 0)) return error;
  if (!is_unix) {
    if (socket.settings.from || socket.settings.from_port != 0) trace.binding(socket);
    if (const int error = bind_as_asked(socket.fd.get(), socket.settings, family)) return error;
  }
  const int error = ::connect(socket.fd.get(), name.get(), name.size) == 0 ? 0 : errno;
  if (error != 0 && error != EINPROGRESS) return error;
  return watch(socket) ? error : errno;
}

bool Loop::Impl::watch(Socket& socket) {
  // Edges: what nobody asks for wakes the loop once, and a socket's wishes cost no system call.
  socket.watch = poller.add(socket.fd.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                            Poller::Source::Socket, static_cast<std::uint64_t>(socket.id));
  return socket.watch != Poller::Watch{};
}

void Loop::Impl::progress(Socket& socket) {
  if (!socket.can_write) return;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    fail_open(socket, EventStatus::Error, error);
  } else if (uses_proxies(socket)) {
    socket.stage = Socket::Stage::Proxies;
    socket.chain = std::make_unique<ProxyChain>(
        options.proxies, ProxyGoal{.ip = socket.peer.ip, .port = socket.peer.port});
  } else {
    reached(socket);
  }
}

// The other side is there.
void Loop::Impl::reached(Socket& socket) {
  if (socket.opening != nullptr && socket.opening->kind == EventKind::ConnectTls) {
    begin_tls(socket);
  } else {
    opened(socket);
  }
}

void Loop::Impl::progress_proxies(Socket& socket) {
  while (!socket.chain->answer()) {
    socket.out += socket.chain->take_output();
    if (!flush(socket)) return fail_open(socket, EventStatus::Error, errno);
    if (!socket.can_read) return;
    const std::size_t had = socket.in.size();
    if (had == 0 && receive(socket, kProxyRead) == 0 && socket.read_error != 0) {
      return fail_open(socket, EventStatus::Error, socket.read_error);
    }
    // Byte by byte: what follows the answer is the goal's.
    std::size_t used = 0;
    while (used < socket.in.size() && !socket.chain->answer()) {
      socket.chain->take_input(std::string_view{socket.in}.substr(used++, 1));
    }
    socket.in.erase(0, used);
    if (socket.eof && socket.in.empty() && !socket.chain->answer()) socket.chain->take_end();
  }
  const HopAnswer answer = *socket.chain->answer();
  socket.chain.reset();
  if (answer.verdict && answer.verdict->state == HopVerdict::State::Open) return reached(socket);
  fail_open(socket, EventStatus::Proxy, ECONNREFUSED,
            answer.verdict ? std::string{answer.verdict->word} : answer.trouble);
}

void Loop::Impl::opened(Socket& socket) {
  socket.stage = Socket::Stage::Open;
  ++statistics.connected;
  if (socket.opening != nullptr) finish(*socket.opening, EventStatus::Success);
}

// The connection or the handshake came to nothing, and with it everything that waits for it.
void Loop::Impl::fail_open(Socket& socket, EventStatus status, int error, std::string trouble) {
  if (PendingEvent* const event = socket.opening) {
    event->trouble = std::move(trouble);
    if (socket.stage == Socket::Stage::Handshake && status == EventStatus::Error) {
      trace.handshake_failed(*event);
    }
    finish(*event, status, error);
  }
  while (!socket.reads.empty()) finish(*socket.reads.front(), EventStatus::Error, ENOTCONN);
  while (!socket.writes.empty()) finish(*socket.writes.front(), EventStatus::Error, ENOTCONN);
  shut(socket);
}

// As if it had never been opened.
void Loop::Impl::shut(Socket& socket) {
  if (socket.pcap != nullptr) {
    poller.remove(socket.watch, socket.pcap->fd(), false);
    --open_fds;
  }
  if (socket.packets != nullptr) poller.remove(socket.watch, socket.packets->fd(), false);
  if (socket.fd.is_open()) {
    poller.remove(socket.watch, socket.fd.get(), true);
    socket.fd.reset();
    --open_fds;
  }
  socket.watch = {};
  socket.stage = Socket::Stage::Closed;
  socket.can_read = false;
  socket.can_write = false;
  socket.peer_ended = false;
  socket.eof = false;
  socket.read_error = 0;
  socket.in.clear();
  socket.out.clear();
  socket.sent = 0;
  socket.read_trouble.clear();
  socket.chain.reset();
  socket.tls.reset();
  socket.pcap.reset();
  socket.packets.reset();
  socket.returned.clear();
}

Result<void> Loop::Impl::open_unconnected(SocketId id, Socket::Kind kind, AddressFamily family,
                                          int protocol) {
  Socket* const socket = find(id);
  if (socket == nullptr || socket->opening != nullptr || socket->stage != Socket::Stage::Closed) {
    return fail(ExitCode::Runtime, "the socket is closed, or open already");
  }
  const int domain = family == AddressFamily::V4 ? AF_INET : AF_INET6;
  const int type = kind == Socket::Kind::Raw ? SOCK_RAW : SOCK_DGRAM;
  socket->kind = kind;
  socket->protocol = protocol;
  socket->has_connection = false;
  int error = has_fd() ? make_fd(*socket, domain, type, protocol) : EMFILE;
  if (error == 0) error = bind_as_asked(socket->fd.get(), socket->settings, domain);
  if (error == 0 && !watch(*socket)) error = errno;
  if (error != 0) {
    shut(*socket);
    return fail(ExitCode::Runtime, fmt::format("cannot open a socket: {}", std::strerror(error)));
  }
  socket->stage = Socket::Stage::Open;
  return {};
}

}  // namespace trawl::service
