#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "service/nsock/loop_impl.h"

namespace trawl::service {
namespace {

// Of one socket in one turn, however many reads wait: others want theirs.
constexpr unsigned kMostPacketsPerTurn = 64;

}  // namespace

Result<void> Loop::Impl::open_pcap(SocketId id, const PcapWatch::Settings& settings) {
  Socket* const socket = find(id);
  if (socket == nullptr || socket->opening != nullptr || socket->stage != Socket::Stage::Closed) {
    return fail(ExitCode::Runtime, "the socket is closed, or open already");
  }
  auto pcap = PcapWatch::open(settings);
  if (!pcap) return Failure{pcap.error()};
  socket->kind = Socket::Kind::Pcap;
  socket->watch = poller.add((*pcap)->fd(), EPOLLIN | EPOLLET, Poller::Source::Socket,
                             static_cast<std::uint64_t>(id));
  if (socket->watch == Poller::Watch{}) {
    return fail(ExitCode::Device, fmt::format("captures on {} cannot be waited for: {}",
                                              settings.device, std::strerror(errno)));
  }
  socket->pcap = std::move(*pcap);
  socket->stage = Socket::Stage::Open;
  socket->can_read = true;
  ++open_fds;
  trace.opened_pcap(id, settings, *socket->pcap);
  return {};
}

Result<void> Loop::Impl::open_packets(SocketId id, std::shared_ptr<PacketSource> source) {
  Socket* const socket = find(id);
  if (socket == nullptr || socket->opening != nullptr || socket->stage != Socket::Stage::Closed) {
    return fail(ExitCode::Runtime, "the socket is closed, or open already");
  }
  auto reader = PacketReader::claim(std::move(source));
  if (reader == nullptr) {
    return fail(ExitCode::Runtime, "another socket reads these packets; close it first");
  }
  const Poller::Watch watch = poller.add(reader->fd(), EPOLLIN | EPOLLET, Poller::Source::Socket,
                                         static_cast<std::uint64_t>(id));
  if (watch == Poller::Watch{}) {
    return fail(ExitCode::Runtime,
                fmt::format("packets cannot be waited for: {}", std::strerror(errno)));
  }
  socket->kind = Socket::Kind::Packets;
  socket->watch = watch;
  socket->packets = std::move(reader);
  socket->stage = Socket::Stage::Open;
  socket->can_read = true;
  trace.opened_packets(id, socket->packets->source());
  return {};
}

EventId Loop::Impl::read_packet(PendingEvent& event, Socket::Kind kind, Wait timeout) {
  event.timeout = timeout;
  trace.asked(event, event.socket);
  Socket* const socket = event.socket;
  if (socket == nullptr || socket->stage != Socket::Stage::Open || socket->kind != kind) {
    finish(event, EventStatus::Error, EBADF);
  } else {
    socket->reads.push_back(&event);
    limit(event, timeout);
    heat(*socket);
  }
  return event.id;
}

void Loop::Impl::read_packets(Socket& socket) {
  for (unsigned left = kMostPacketsPerTurn; !socket.reads.empty(); --left) {
    if (left == 0) return heat(socket);
    PendingEvent& event = *socket.reads.front();
    if (!socket.returned.empty()) {
      ReturnedPacket& packet = socket.returned.front();
      event.bytes = std::move(packet.bytes);
      event.packet = packet.details;
      event.from = packet.from;
      socket.returned.pop_front();
      finish(event, EventStatus::Success);
    } else if (!socket.can_read) {
      return;
    } else if (socket.pcap != nullptr) {
      take_captured(socket, event);
    } else {
      take_packet(socket, event);
    }
  }
}

void Loop::Impl::take_captured(Socket& socket, PendingEvent& event) {
  PcapWatch::Packet packet;
  switch (socket.pcap->next(packet)) {
    case PcapWatch::Step::None: socket.can_read = false; return;
    case PcapWatch::Step::Failed: finish(event, EventStatus::Error, EIO); return;
    case PcapWatch::Step::Packet: break;
  }
  event.bytes = packet.bytes;
  event.packet = packet.details;
  statistics.bytes_read += packet.bytes.size();
  finish(event, EventStatus::Success);
}

void Loop::Impl::take_packet(Socket& socket, PendingEvent& event) {
  PacketReader& reader = *socket.packets;
  const bool has_ended = reader.has_ended();
  const SeenPacket* const packet = reader.front();
  if (packet == nullptr) {
    if (has_ended) {
      event.eof = true;
      finish(event, EventStatus::Eof);
    } else if (reader.sleep()) {
      socket.can_read = false;
    }
    return;
  }
  event.bytes.assign(reinterpret_cast<const char*>(packet->bytes.data()), packet->bytes.size());
  event.packet = packet->details;
  event.from = packet->from;
  reader.pop();
  statistics.bytes_read += event.bytes.size();
  finish(event, EventStatus::Success);
}

}  // namespace trawl::service
