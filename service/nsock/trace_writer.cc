#include "service/nsock/trace_writer.h"

#include <fmt/format.h>

#include <cstring>

namespace trawl::service {
namespace {

// Longer ones are only counted.
constexpr std::size_t kMostShown = 79;

std::string_view kind_name(const PendingEvent& event) {
  switch (event.kind) {
    case EventKind::Connect: return "CONNECT";
    case EventKind::ConnectTls: return "SSL-CONNECT";
    case EventKind::Read: return "READ";
    case EventKind::Write: return "WRITE";
    case EventKind::Timer: return "TIMER";
    case EventKind::PcapRead: return "READ-PCAP";
    case EventKind::Resolve: return "RESOLVE";
  }
  return "";
}

std::string_view status_name(EventStatus status) {
  switch (status) {
    case EventStatus::Success: return "SUCCESS";
    case EventStatus::Error: return "ERROR";
    case EventStatus::Timeout: return "TIMEOUT";
    case EventStatus::Cancelled: return "CANCELLED";
    case EventStatus::Eof: return "EOF";
    case EventStatus::Proxy: return "PROXY ERROR";
  }
  return "";
}

std::uint64_t number(EventId id) { return static_cast<std::uint64_t>(id); }
std::uint64_t number(SocketId id) { return static_cast<std::uint64_t>(id); }

long long milliseconds(Wait wait) {
  return wait == kForever
             ? -1
             : static_cast<long long>(
                   std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
}

// As it may be shown on a terminal.
std::string printable(std::string_view bytes) {
  std::string text{bytes};
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '.';
  }
  return text;
}

std::string endpoint_text(const Endpoint& endpoint) {
  return fmt::format("{}:{}", endpoint.ip.to_string(), endpoint.port);
}

std::string in_brackets(const Socket* socket) {
  const std::string peer = peer_text(socket);
  return peer.empty() ? peer : fmt::format(" [{}]", peer);
}

std::string read_line(const PendingEvent& event, const Socket* socket) {
  const auto id = number(event.id);
  const auto iod = number(event.socket_id);
  const std::string peer = in_brackets(socket);
  switch (event.goal) {
    case ReadGoal::Lines:
      return fmt::format("nsock_readlines(): Read request for {} lines from IOD #{}{} EID {}",
                         event.amount, iod, peer, id);
    case ReadGoal::Bytes:
      return fmt::format("nsock_readbytes(): Read request for {} bytes from IOD #{}{} EID {}",
                         event.amount, iod, peer, id);
    case ReadGoal::Any: break;
  }
  return fmt::format("nsock_read(): Read request from IOD #{}{} (timeout: {}ms) EID {}", iod, peer,
                     milliseconds(event.timeout), id);
}

std::string asked_line(const PendingEvent& event, const Socket* socket) {
  const auto id = number(event.id);
  const auto iod = number(event.socket_id);
  switch (event.request) {
    case Request::Connect:
      return fmt::format("nsock_connect_tcp(): TCP connection requested to {} (IOD #{}) EID {}",
                         endpoint_text(event.to), iod, id);
    case Request::ConnectUdp:
      return fmt::format("nsock_connect_udp(): UDP connection requested to {} (IOD #{}) EID {}",
                         endpoint_text(event.to), iod, id);
    case Request::ConnectUnix:
      return fmt::format(
          "nsock_connect_unixsock_stream(): UNIX domain socket (STREAM) connection requested to "
          "{} (IOD #{}) EID {}",
          printable(event.path), iod, id);
    case Request::ConnectTls:
      return fmt::format("nsock_connect_ssl(): SSL connection requested to {}/tcp (IOD #{}) EID {}",
                         endpoint_text(event.to), iod, id);
    case Request::StartTls:
      return fmt::format("nsock_reconnect_ssl(): SSL reconnection requested (IOD #{}) EID {}", iod,
                         id);
    case Request::Read: return read_line(event, socket);
    case Request::Write:
      return fmt::format("nsock_write(): Write request for {} bytes to IOD #{} EID {}{}",
                         event.bytes.size(), iod, id, in_brackets(socket));
    case Request::SendTo:
      return fmt::format("nsock_sendto(): Sendto request for {} bytes to IOD #{} EID {} [{}]",
                         event.bytes.size(), iod, id, endpoint_text(event.to));
    case Request::Timer:
      return fmt::format("nsock_timer_create(): Timer created - {}ms from now.  EID {}",
                         milliseconds(event.timeout), id);
    case Request::Pcap:
      return fmt::format("nsock_pcap_read_packet(): Pcap read request from IOD #{}  EID {}", iod,
                         id);
    case Request::Packet:
      return fmt::format("read_packet(): Packet read request from IOD #{}  EID {}", iod, id);
    case Request::Resolve:
      return fmt::format("resolve(): Addresses of {} requested EID {}", printable(event.path), id);
  }
  return {};
}

std::string called_line(const PendingEvent& event) {
  std::string line = fmt::format("nsock_trace_handler_callback(): Callback: {} {}",
                                 kind_name(event), status_name(event.status));
  if (event.status == EventStatus::Error) {
    line += fmt::format(" [{} ({})]", std::strerror(event.error), event.error);
  }
  line += fmt::format(" for EID {}{}", number(event.id), in_brackets(event.socket));
  if (event.kind == EventKind::PcapRead) line += ' ';
  if (event.kind == EventKind::Read && event.status == EventStatus::Success) {
    line += fmt::format(" {}({} bytes)", event.tells_eof ? "[EOF]" : "", event.bytes.size());
    if (event.bytes.size() <= kMostShown) line += fmt::format(": {}", printable(event.bytes));
  }
  return line;
}

}  // namespace

std::string peer_text(const Socket* socket) {
  if (socket == nullptr) return {};
  switch (socket->kind) {
    case Socket::Kind::Tcp:
    case Socket::Kind::Udp:
      return socket->peer.port == 0 ? std::string{} : endpoint_text(socket->peer);
    case Socket::Kind::Unix: return printable(socket->path);
    case Socket::Kind::None:
    case Socket::Kind::Raw:
    case Socket::Kind::Pcap:
    case Socket::Kind::Packets: break;
  }
  return {};
}

void TraceWriter::made(SocketId socket) const {
  if (sink_) sink_(fmt::format("nsock_iod_new2(): nsock_iod_new (IOD #{})", number(socket)));
}

void TraceWriter::closed(SocketId socket) const {
  if (sink_) sink_(fmt::format("nsock_iod_delete(): nsock_iod_delete (IOD #{})", number(socket)));
}

void TraceWriter::asked(const PendingEvent& event, const Socket* socket) const {
  if (sink_) sink_(asked_line(event, socket));
}

void TraceWriter::cancelled(const PendingEvent& event) const {
  if (sink_) {
    sink_(fmt::format("nsock_event_cancel(): Event #{} (type {}) cancelled", number(event.id),
                      kind_name(event)));
  }
}

void TraceWriter::deleted(const PendingEvent& event) const {
  if (sink_) {
    sink_(fmt::format("nevent_delete(): nevent_delete on event #{} (type {})", number(event.id),
                      kind_name(event)));
  }
}

void TraceWriter::opened_udp(SocketId socket) const {
  if (sink_) {
    sink_(fmt::format("nsock_setup_udp(): UDP unconnected socket (IOD #{})", number(socket)));
  }
}

void TraceWriter::binding(const Socket& socket) const {
  if (!sink_) return;
  const IpAddress any = socket.peer.ip.is_v4() ? IpAddress{} : IpAddress{Ipv6Address{}};
  sink_(fmt::format("mksock_bind_addr(): Binding to {}:{} (IOD #{})",
                    socket.settings.from.value_or(any).to_string(), socket.settings.from_port,
                    number(socket.id)));
}

void TraceWriter::opened_pcap(SocketId socket, const PcapWatch::Settings& settings,
                              const PcapWatch& watch) const {
  if (!sink_) return;
  // It waits for nothing (to_ms is what Nmap names), and needs no help with its descriptor.
  sink_(fmt::format(
      "nsock_pcap_open(): PCAP requested on device '{}' with berkeley filter '{}' (promisc={} "
      "snaplen={} to_ms=200) (IOD #{})",
      printable(settings.device), printable(settings.filter), settings.promiscuous ? 1 : 0,
      settings.snap_length, number(socket)));
  sink_(fmt::format(
      "nsock_pcap_open(): PCAP created successfully on device '{}' (pcap_desc={} bsd_hack=0 "
      "to_valid=1 l3_offset={}) (IOD #{})",
      printable(settings.device), watch.fd(), watch.network_offset(), number(socket)));
}

void TraceWriter::opened_packets(SocketId socket, const PacketSource& source) const {
  if (sink_) {
    sink_(fmt::format(
        "open_packets(): Packets of a polling core requested (capacity={} snaplen={}) (IOD #{})",
        source.capacity(), source.most_bytes(), number(socket)));
  }
}

void TraceWriter::handshake_failed(const PendingEvent& event) const {
  if (sink_) {
    sink_(fmt::format("handle_connect_result(): EID {} {}", number(event.id),
                      printable(event.trouble)));
  }
}

void TraceWriter::called(const PendingEvent& event) const {
  if (sink_) sink_(called_line(event));
}

}  // namespace trawl::service
