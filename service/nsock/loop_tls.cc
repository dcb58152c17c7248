#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "service/nsock/loop_impl.h"

namespace trawl::service {
namespace {

// Of a write that the stream encrypts at a time: one record's worth of several.
constexpr std::size_t kMostEncrypted = 65'536;
constexpr std::size_t kMostPerTurn = 65'536;
constexpr std::size_t kMostWrittenPerTurn = 262'144;

}  // namespace

EventId Loop::Impl::start_tls(PendingEvent& event, Wait timeout) {
  event.timeout = timeout;
  Socket* const socket = event.socket;
  trace.asked(event, socket);
  if (socket == nullptr) {
    finish(event, EventStatus::Error, EBADF);
  } else if (socket->opening != nullptr) {
    finish(event, EventStatus::Error, EALREADY);
  } else if (socket->stage != Socket::Stage::Open || !socket->is_stream()) {
    finish(event, EventStatus::Error, ENOTCONN);
  } else if (socket->tls != nullptr) {
    finish(event, EventStatus::Error, EISCONN);
  } else {
    socket->opening = &event;
    limit(event, timeout);
    begin_tls(*socket);
  }
  return event.id;
}

void Loop::Impl::begin_tls(Socket& socket) {
  auto stream = TlsStream::make(socket.settings.tls);
  if (!stream) return fail_open(socket, EventStatus::Error, EINVAL, stream.error().message);
  socket.tls = std::move(*stream);
  socket.stage = Socket::Stage::Handshake;
  // What the server said before a read asked for it is part of the handshake.
  socket.tls->feed(std::exchange(socket.in, {}));
  heat(socket);
}

bool Loop::Impl::flush_tls(Socket& socket) {
  while (true) {
    if (!flush(socket)) return false;
    if (!socket.out.empty() || !socket.tls->has_output()) return true;
    socket.out = socket.tls->take_output();
  }
}

std::size_t Loop::Impl::receive_tls(Socket& socket, std::size_t most) {
  TlsStream& stream = *socket.tls;
  take_plaintext(socket);
  const std::size_t room = std::min(most, stream.room());
  if (room == 0) return 0;
  const ssize_t got = receive_wire(socket, room);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  if (got < 0) {
    socket.read_error = errno;
    return 0;
  }
  if (got == 0) {
    stream.feed_end();
  } else {
    stream.feed(std::string_view{buffer}.substr(0, static_cast<std::size_t>(got)));
  }
  take_plaintext(socket);
  return static_cast<std::size_t>(got);
}

void Loop::Impl::take_plaintext(Socket& socket) {
  TlsStream& stream = *socket.tls;
  for (std::string bytes = stream.take_plaintext(); !bytes.empty();
       bytes = stream.take_plaintext()) {
    socket.in += bytes;
  }
  if (stream.state() == TlsStream::State::Ended) socket.eof = true;
  if (stream.state() == TlsStream::State::Failed && socket.read_error == 0) {
    socket.read_error = EIO;
    socket.read_trouble = stream.trouble();
  }
}

void Loop::Impl::progress_tls(Socket& socket) {
  TlsStream& stream = *socket.tls;
  std::size_t left = kMostPerTurn;
  while (true) {
    const bool sends = flush_tls(socket);
    if (stream.state() == TlsStream::State::Open) return opened(socket);
    if (stream.state() != TlsStream::State::Handshake) {
      std::string trouble =
          stream.trouble().empty() ? "the server ended the TLS handshake" : stream.trouble();
      return fail_open(socket, EventStatus::Error, EIO, std::move(trouble));
    }
    if (!sends) return fail_open(socket, EventStatus::Error, errno);
    if (socket.read_error != 0) {
      return fail_open(socket, EventStatus::Error, socket.read_error);
    }
    // Without room the wire takes nothing more, and tells when it does.
    if (!socket.can_read || stream.room() == 0) return;
    if (left == 0) return heat(socket);
    left -= std::min(left, receive_tls(socket, left));
  }
}

bool Loop::Impl::answer_tls(Socket& socket) {
  // Where the wire fails, reading tells what is left, and why.
  [[maybe_unused]] const bool sends = flush_tls(socket);
  return socket.tls->room() > 0;
}

void Loop::Impl::write_some_tls(Socket& socket) {
  TlsStream& stream = *socket.tls;
  std::size_t left = kMostWrittenPerTurn;
  while (true) {
    if (!flush_tls(socket)) {
      const int error = errno;
      while (!socket.writes.empty()) finish(*socket.writes.front(), EventStatus::Error, error);
      return;
    }
    // What the wire has not taken yet goes first.
    if (socket.writes.empty() || !socket.out.empty()) return;
    PendingEvent& event = *socket.writes.front();
    if (stream.state() == TlsStream::State::Failed) {
      event.trouble = stream.trouble();
      finish(event, EventStatus::Error, EIO);
      continue;
    }
    if (!stream.has_written()) {
      // The server wants another handshake first. What it says besides waits for a read.
      if (!socket.can_read || socket.in.size() > kMostPerTurn || stream.room() == 0) return;
      if (receive_tls(socket, kMostPerTurn) > 0) continue;
      if (socket.can_read || stream.state() == TlsStream::State::Ended) {
        finish(event, EventStatus::Error, socket.read_error != 0 ? socket.read_error : EPIPE);
        continue;
      }
      return;
    }
    if (event.taken == event.bytes.size()) {
      finish(event, EventStatus::Success);
      continue;
    }
    if (left == 0) return heat(socket);
    const std::string_view next = std::string_view{event.bytes}.substr(event.taken, kMostEncrypted);
    event.taken += next.size();
    left -= std::min(left, next.size());
    if (!stream.write(next)) {
      event.trouble = stream.trouble();
      finish(event, EventStatus::Error, EPIPE);
    }
  }
}

// close_notify, where there is room for it: nobody waits for it.
void Loop::Impl::say_goodbye(Socket& socket) {
  if (!flush_tls(socket) || !socket.out.empty()) return;
  socket.tls->close();
  [[maybe_unused]] const bool sends = flush_tls(socket);
}

}  // namespace trawl::service
