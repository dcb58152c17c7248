// Analyses one round of probes that something else sent: reads it line by line from standard input,
// and prints the fingerprint and what else the answers say. For tests that compare with other
// scanners.
//
//   series SOURCE DESTINATION OPEN CLOSED UDP SOURCE_PORT UDP_SOURCE_PORT SEQUENCE ACK ECHO_ID
//   closed                 the closed port is known to be closed
//   sent PROBE TIME TTL    time in nanoseconds; of the last try
//   got HEX                an IPv4 packet
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "osfp/active/analysis.h"

namespace {

using namespace trawl;
using namespace trawl::osfp;

bool read_series(std::istream& in, ProbeSeries& series) {
  std::string source;
  std::string destination;
  std::uint16_t open = 0;
  in >> source >> destination >> open >> series.closed_port >> series.udp_port >>
      series.source_port >> series.udp_source_port >> series.sequence >> series.ack >>
      series.echo_id;
  const auto from = Ipv4Address::parse(source);
  const auto to = Ipv4Address::parse(destination);
  if (!in || !from || !to) return false;
  series.source = *from;
  series.destination = *to;
  if (open != 0) series.open_port = open;
  return true;
}

bool read_sent(std::istream& in, Round& round) {
  std::string name;
  std::int64_t time = 0;
  unsigned ttl = 0;
  in >> name >> time >> ttl;
  for (std::size_t i = 0; in && i < kProbes; ++i) {
    if (name != to_string(probe_at(i))) continue;
    Exchange& exchange = round.exchanges[i];
    exchange.was_sent = true;
    exchange.sent_at = Moment{time};
    exchange.sent_ttl = static_cast<std::uint8_t>(ttl);
    return true;
  }
  return false;
}

bool read_got(std::istream& in, Round& round) {
  std::string hex;
  in >> hex;
  std::vector<std::byte> packet;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    packet.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  const auto match = match_response(round.series, packet);
  if (match && !round.at(match->probe).response) {
    round.at(match->probe).response = match->response;
  }
  return true;
}

}  // namespace

int main() {
  Round round;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in{line};
    std::string what;
    in >> what;
    bool understood = false;
    if (what == "series") understood = read_series(in, round.series);
    if (what == "closed") understood = round.knows_closed_port = true;
    if (what == "sent") understood = read_sent(in, round);
    if (what == "got") understood = read_got(in, round);
    if (understood) continue;
    fmt::print(stderr, "not understood: {}\n", line);
    return 1;
  }
  const Analysis analysis = analyse(round);
  fmt::print("{}", analysis.fingerprint.print());
  if (analysis.isns) {
    fmt::print("difficulty {} {}\n", analysis.isns->predictability,
               difficulty_of(analysis.isns->predictability));
  }
  if (analysis.ip_ids) fmt::print("ids {}\n", to_string(*analysis.ip_ids));
  fmt::print("stamps {}\n", to_string(analysis.stamps));
  if (analysis.hops) fmt::print("hops {}\n", *analysis.hops);
  return 0;
}
