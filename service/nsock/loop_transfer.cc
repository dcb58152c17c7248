#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "service/nsock/loop_impl.h"

namespace trawl::service {
namespace {

// Of one socket in one turn: others want theirs.
constexpr std::size_t kMostReadPerTurn = 65'536;
constexpr std::size_t kMostWrittenPerTurn = 262'144;
// What a read of lines takes from somebody who sends none.
constexpr std::size_t kMostOfLines = 1U << 20U;

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

bool is_satisfied(PendingEvent& event, const std::string& in) {
  switch (event.goal) {
    case ReadGoal::Any: return !in.empty();
    case ReadGoal::Bytes: return in.size() >= event.amount;
    case ReadGoal::Lines: break;
  }
  // Each byte is looked at once, however small the pieces are that it comes in.
  const auto news = in.begin() + static_cast<std::ptrdiff_t>(event.scanned);
  event.lines += static_cast<std::size_t>(std::count(news, in.end(), '\n'));
  event.scanned = in.size();
  return event.lines >= event.amount || in.size() >= kMostOfLines;
}

}  // namespace

EventId Loop::Impl::read(SocketId id, ReadGoal goal, std::size_t amount, Wait timeout,
                         Callback done) {
  PendingEvent& event = ask(EventKind::Read, Request::Read, id, std::move(done));
  event.goal = goal;
  event.amount = amount;
  event.timeout = timeout;
  trace.asked(event, event.socket);
  Socket* const socket = event.socket;
  if (socket == nullptr || socket->has_packets()) {
    finish(event, EventStatus::Error, EBADF);
  } else if (socket->stage == Socket::Stage::Closed && socket->opening == nullptr) {
    finish(event, EventStatus::Error, ENOTCONN);
  } else {
    socket->reads.push_back(&event);
    limit(event, timeout);
    heat(*socket);
  }
  return event.id;
}

EventId Loop::Impl::write(PendingEvent& event, Wait timeout) {
  event.timeout = timeout;
  trace.asked(event, event.socket);
  Socket* const socket = event.socket;
  if (socket == nullptr || socket->has_packets()) {
    finish(event, EventStatus::Error, EBADF);
  } else if (socket->stage == Socket::Stage::Closed && socket->opening == nullptr) {
    finish(event, EventStatus::Error, ENOTCONN);
  } else if (event.request == Request::SendTo && !may_send_to(*socket, event)) {
    finish(event, EventStatus::Error, EPERM);
  } else {
    if (event.request == Request::SendTo && socket->kind == Socket::Kind::Udp) {
      socket->peer = event.to;
    }
    socket->writes.push_back(&event);
    limit(event, timeout);
    heat(*socket);
  }
  return event.id;
}

void Loop::Impl::pump(Socket& socket) {
  if (socket.stage == Socket::Stage::Connecting) progress(socket);
  if (socket.stage == Socket::Stage::Proxies) progress_proxies(socket);
  if (socket.stage == Socket::Stage::Handshake) progress_tls(socket);
  if (socket.stage != Socket::Stage::Open) return;
  if (socket.has_packets()) return read_packets(socket);
  if (socket.tls != nullptr) {
    write_some_tls(socket);
  } else if (!socket.writes.empty()) {
    write_some(socket);
  }
  if (!socket.reads.empty()) read_some(socket);
}

bool Loop::Impl::flush(Socket& socket) {
  while (socket.sent < socket.out.size() && socket.can_write) {
    const ssize_t sent = send(socket.fd.get(), socket.out.data() + socket.sent,
                              socket.out.size() - socket.sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && would_block(errno)) {
      socket.can_write = false;
    } else if (sent < 0) {
      return false;
    } else {
      socket.sent += static_cast<std::size_t>(sent);
      statistics.bytes_written += static_cast<std::size_t>(sent);
    }
  }
  if (socket.sent == socket.out.size()) {
    socket.out.clear();
    socket.sent = 0;
  }
  return true;
}

ssize_t Loop::Impl::send_once(const Socket& socket, const PendingEvent& event, std::size_t most) {
  if (event.request == Request::SendTo) {
    const SocketName name = socket_name(event.to);
    return sendto(socket.fd.get(), event.bytes.data(), event.bytes.size(), MSG_NOSIGNAL, name.get(),
                  name.size);
  }
  const std::size_t left = event.bytes.size() - event.taken;
  return send(socket.fd.get(), event.bytes.data() + event.taken,
              socket.is_stream() ? std::min(left, most) : left, MSG_NOSIGNAL);
}

void Loop::Impl::write_some(Socket& socket) {
  std::size_t left = kMostWrittenPerTurn;
  while (!socket.writes.empty() && socket.can_write) {
    if (left == 0) return heat(socket);
    PendingEvent& event = *socket.writes.front();
    if (socket.is_stream() && event.taken == event.bytes.size()) {
      finish(event, EventStatus::Success);
      continue;
    }
    const ssize_t sent = send_once(socket, event, left);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && would_block(errno)) {
      socket.can_write = false;
      return;
    }
    if (sent < 0) {
      finish(event, EventStatus::Error, errno);
      continue;
    }
    const auto count = static_cast<std::size_t>(sent);
    statistics.bytes_written += count;
    left -= std::min(left, std::max<std::size_t>(count, 1));
    event.taken += count;
    if (!socket.is_stream() || event.taken == event.bytes.size()) {
      finish(event, EventStatus::Success);
    }
  }
}

// Ends the first read. What was read is given to it.
void Loop::Impl::give_read(Socket& socket, EventStatus status, int error) {
  PendingEvent& event = *socket.reads.front();
  event.bytes = std::exchange(socket.in, {});
  event.eof = socket.eof;
  event.tells_eof = socket.eof && socket.tls != nullptr;
  if (status == EventStatus::Error) event.trouble = socket.read_trouble;
  finish(event, status, error);
}

// Whether the first read could be ended with what is known already.
bool Loop::Impl::serve_read(Socket& socket) {
  if (!socket.is_stream()) return false;
  if (is_satisfied(*socket.reads.front(), socket.in)) {
    give_read(socket, EventStatus::Success, 0);
  } else if (socket.read_error != 0) {
    give_read(socket, EventStatus::Error, socket.read_error);
  } else if (socket.eof) {
    give_read(socket, EventStatus::Eof, 0);
  } else {
    return false;
  }
  return true;
}

void Loop::Impl::read_some(Socket& socket) {
  std::size_t left = kMostReadPerTurn;
  // What came with the end of the handshake, or waited for room, is not told of again.
  if (socket.tls != nullptr) take_plaintext(socket);
  while (!socket.reads.empty()) {
    if (serve_read(socket)) continue;
    if (socket.tls != nullptr && !answer_tls(socket)) return;
    if (!socket.can_read) return;
    if (left == 0) return heat(socket);
    std::size_t got = socket.is_stream() ? receive(socket, left) : receive_datagram(socket);
    left -= std::min(left, got);
    // Whether these bytes are the last ones is told with them.
    while (socket.is_stream() && socket.peer_ended && got > 0 && left > 0) {
      got = receive(socket, left);
      left -= std::min(left, got);
    }
  }
}

// What recv(2) says. Where it says nothing, that is remembered.
ssize_t Loop::Impl::receive_wire(Socket& socket, std::size_t most) {
  const std::size_t wanted = std::min(most, buffer.size());
  ssize_t got = 0;
  do {
    got = recv(socket.fd.get(), buffer.data(), wanted, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && would_block(errno)) socket.can_read = false;
  if (got <= 0) return got;
  const auto count = static_cast<std::size_t>(got);
  statistics.bytes_read += count;
  // Less than was asked for is all there is, and what comes then is told of anew.
  if (count < wanted && !socket.peer_ended) socket.can_read = false;
  return got;
}

std::size_t Loop::Impl::receive(Socket& socket, std::size_t most) {
  if (socket.tls != nullptr) return receive_tls(socket, most);
  const ssize_t got = receive_wire(socket, most);
  if (got < 0 && !would_block(errno)) socket.read_error = errno;
  if (got == 0) socket.eof = true;
  if (got <= 0) return 0;
  socket.in.append(buffer, 0, static_cast<std::size_t>(got));
  return static_cast<std::size_t>(got);
}

std::size_t Loop::Impl::receive_datagram(Socket& socket) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const ssize_t got = recvfrom(socket.fd.get(), buffer.data(), buffer.size(), 0,
                               reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 0 && errno == EINTR) return 0;
  if (got < 0 && would_block(errno)) {
    socket.can_read = false;
    return 0;
  }
  PendingEvent& event = *socket.reads.front();
  if (got < 0) {
    finish(event, EventStatus::Error, errno);
    return 1;
  }
  const auto count = static_cast<std::size_t>(got);
  statistics.bytes_read += count;
  event.bytes.assign(buffer, 0, count);
  event.from = endpoint_of(from);
  finish(event, EventStatus::Success);
  return std::max<std::size_t>(count, 1);
}

}  // namespace trawl::service
