#include "osfp/active/analysis.h"

#include <fmt/format.h>

#include <utility>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;
using enum FingerprintTest;
using Line = FingerprintLine;

constexpr std::uint8_t kUrg = 0x20;
constexpr std::uint8_t kEce = 0x40;
constexpr std::uint8_t kCwr = 0x80;

std::string hex(std::uint32_t value) { return fmt::format("{:X}", value); }

const char* yes_or_no(bool yes) noexcept { return yes ? "Y" : "N"; }

template <typename T>
const T* answer_to(const Round& round, Probe probe) noexcept {
  const std::optional<Response>& response = round.at(probe).response;
  return response ? std::get_if<T>(&*response) : nullptr;
}

// The routers that took one off the TTL of the UDP probe before its target quoted it. A quoted TTL
// above the one sent has been meddled with.
std::optional<unsigned> measured_hops(const Round& round) noexcept {
  const auto* const error = answer_to<UnreachableResponse>(round, Probe::Udp);
  const std::uint8_t sent = round.at(Probe::Udp).sent_ttl;
  if (error == nullptr || error->quoted_ttl > sent) return round.hops;
  return sent - error->quoted_ttl;
}

// TG: the least of the usual initial values that a packet with this TTL can have had.
unsigned guess_initial_ttl(std::uint8_t ttl) noexcept {
  for (const unsigned usual : {32U, 64U, 128U}) {
    if (ttl <= usual) return usual;
  }
  return 255;
}

std::string quirks(const TcpResponse& tcp) {
  std::string text;
  if (tcp.reserved != 0) text += 'R';
  if (tcp.urgent != 0 && (tcp.flags & kUrg) == 0) text += 'U';
  return text;
}

std::string flag_letters(std::uint8_t flags) {
  constexpr std::pair<std::uint8_t, char> kLetters[] = {
      {kEce, 'E'},       {kUrg, 'U'},       {wire::kAck, 'A'}, {wire::kPsh, 'P'},
      {wire::kRst, 'R'}, {wire::kSyn, 'S'}, {wire::kFin, 'F'}};
  std::string text;
  for (const auto& [flag, letter] : kLetters) {
    if ((flags & flag) != 0) text += letter;
  }
  return text;
}

const char* ecn_support(std::uint8_t flags) noexcept {
  const bool echo = (flags & kEce) != 0;
  const bool reduced = (flags & kCwr) != 0;
  if (echo) return reduced ? "S" : "Y";
  return reduced ? "O" : "N";
}

// How a number of the answer relates to one of the probe: S and A.
std::string relation(std::uint32_t value, std::uint32_t probe, const char* name) {
  if (value == 0) return "Z";
  if (value == probe) return name;
  if (value == probe + 1) return fmt::format("{}+", name);
  return "O";
}

// Fills the lines of one fingerprint.
class Filler {
 public:
  Filler(const Round& round, Analysis& analysis) noexcept
      : round_{round}, out_{analysis.fingerprint}, analysis_{analysis} {}

  void fill_sequences();
  void fill_windows_and_options();
  void fill_ecn();
  void fill_segment(Line line, Probe probe);
  void fill_datagram();
  void fill_echoes();

 private:
  void set(Line line, FingerprintTest test, std::string value) {
    out_.set(line, test, std::move(value));
  }
  // False, and R set where silence means something, when nothing came back.
  bool begin(Line line, Probe probe, bool answered);
  void set_ttl(Line line, std::uint8_t ttl);
  void set_isns();
  void set_ip_ids();

  const Round& round_;
  Fingerprint& out_;
  Analysis& analysis_;
};

bool Filler::begin(Line line, Probe probe, bool answered) {
  if (answered) {
    set(line, R, "Y");
  } else if (round_.at(probe).was_sent && (probe < Probe::T5 || round_.knows_closed_port)) {
    set(line, R, "N");
  }
  return answered;
}

void Filler::set_ttl(Line line, std::uint8_t ttl) {
  if (analysis_.hops) {
    set(line, T, hex(ttl + *analysis_.hops));
  } else {
    set(line, TG, hex(guess_initial_ttl(ttl)));
  }
}

void Filler::set_isns() {
  analysis_.isns = measure_isns(analysis_.samples);
  if (!analysis_.isns) return;
  set(Line::Seq, SP, hex(analysis_.isns->predictability));
  set(Line::Seq, GCD, hex(analysis_.isns->gcd));
  set(Line::Seq, ISR, hex(analysis_.isns->rate_index));
}

void Filler::set_ip_ids() {
  const auto record = [&](FingerprintTest test, IpIdClass sequence, std::uint16_t id) {
    auto value = ip_id_value(sequence, id);
    if (value) set(Line::Seq, test, *std::move(value));
  };
  std::vector<std::uint16_t> ids;
  for (const SequenceSample& sample : analysis_.samples) ids.push_back(sample.ip_id);
  if (ids.size() >= 3) {
    analysis_.ip_ids = classify_ip_ids(ids, IpIdSource::Open);
    record(TI, *analysis_.ip_ids, ids[0]);
  }
  ids.clear();
  for (const Probe probe : {Probe::T5, Probe::T6, Probe::T7}) {
    if (const auto* const tcp = answer_to<TcpResponse>(round_, probe)) ids.push_back(tcp->ip.id);
  }
  if (ids.size() >= 2) record(CI, classify_ip_ids(ids, IpIdSource::Closed), ids[0]);
  const auto* const first = answer_to<EchoResponse>(round_, Probe::Echo1);
  const auto* const second = answer_to<EchoResponse>(round_, Probe::Echo2);
  if (first == nullptr || second == nullptr) return;
  const std::uint16_t both[] = {first->ip.id, second->ip.id};
  const IpIdClass echo = classify_ip_ids(both, IpIdSource::Echo);
  record(II, echo, both[0]);
  if (!analysis_.ip_ids) return;
  const auto shared = shares_ip_ids(analysis_.samples, *analysis_.ip_ids, echo, both[0]);
  if (shared) set(Line::Seq, SS, *shared ? "S" : "O");
}

void Filler::fill_sequences() {
  for (std::size_t i = 0; i < kSeqProbes; ++i) {
    const auto* const tcp = answer_to<TcpResponse>(round_, probe_at(i));
    if (tcp == nullptr || !tcp->is_syn_ack() || round_.exchanges[i].tries > 1) continue;
    SequenceSample sample{.number = i,
                          .sent_at = round_.at(probe_at(i)).sent_at,
                          .isn = tcp->sequence,
                          .ip_id = tcp->ip.id,
                          .stamp = {}};
    if (const auto stamps = tcp->options.stamps()) sample.stamp = stamps->value;
    analysis_.samples.push_back(sample);
  }
  set_isns();
  set_ip_ids();
  analysis_.stamps = measure_stamps(analysis_.samples);
  if (auto value = stamp_value(analysis_.stamps)) set(Line::Seq, TS, *std::move(value));
}

void Filler::fill_windows_and_options() {
  constexpr FingerprintTest kOptions[] = {O1, O2, O3, O4, O5, O6};
  constexpr FingerprintTest kWindows[] = {W1, W2, W3, W4, W5, W6};
  for (std::size_t i = 0; i < kSeqProbes; ++i) {
    const auto* const tcp = answer_to<TcpResponse>(round_, probe_at(i));
    if (tcp == nullptr) continue;
    set(Line::Ops, kOptions[i], tcp->options.signature().value_or(""));
    set(Line::Win, kWindows[i], hex(tcp->window));
  }
}

void Filler::fill_ecn() {
  const auto* const tcp = answer_to<TcpResponse>(round_, Probe::Ecn);
  if (!begin(Line::Ecn, Probe::Ecn, tcp != nullptr)) return;
  set(Line::Ecn, DF, yes_or_no(tcp->ip.df));
  set_ttl(Line::Ecn, tcp->ip.ttl);
  set(Line::Ecn, W, hex(tcp->window));
  set(Line::Ecn, O, tcp->options.signature().value_or(""));
  set(Line::Ecn, CC, ecn_support(tcp->flags));
  set(Line::Ecn, Q, quirks(*tcp));
}

void Filler::fill_segment(Line line, Probe probe) {
  const auto* const tcp = answer_to<TcpResponse>(round_, probe);
  if (!begin(line, probe, tcp != nullptr)) return;
  set(line, DF, yes_or_no(tcp->ip.df));
  set_ttl(line, tcp->ip.ttl);
  if (line != Line::T1) {  // Those of T1 are on the lines WIN and OPS.
    set(line, W, hex(tcp->window));
    set(line, O, tcp->options.signature().value_or(""));
  }
  set(line, S, relation(tcp->sequence, ack_of(probe, round_.series), "A"));
  set(line, A, relation(tcp->ack, sequence_of(probe, round_.series), "S"));
  set(line, F, flag_letters(tcp->flags));
  const bool has_data = (tcp->flags & wire::kRst) != 0 && tcp->data_crc != 0;
  set(line, RD, has_data ? fmt::format("{:08X}", tcp->data_crc) : "0");  // All digits, as nmap has.
  set(line, Q, quirks(*tcp));
}

void Filler::fill_datagram() {
  using Checksum = UnreachableResponse::Checksum;
  const auto* const error = answer_to<UnreachableResponse>(round_, Probe::Udp);
  if (!begin(Line::U1, Probe::Udp, error != nullptr)) return;
  const auto returned = [](std::uint16_t value, std::uint16_t sent) {
    return value == sent ? std::string{"G"} : hex(value);
  };
  set(Line::U1, DF, yes_or_no(error->ip.df));
  set_ttl(Line::U1, error->ip.ttl);
  set(Line::U1, IPL, hex(error->length));
  set(Line::U1, UN, hex(error->unused));
  set(Line::U1, RIPL, returned(error->quoted_length, kUdpLength));
  set(Line::U1, RID, returned(error->quoted_id, kUdpId));
  set(Line::U1, RIPCK,
      error->quoted_checksum == Checksum::Good   ? "G"
      : error->quoted_checksum == Checksum::Zero ? "Z"
                                                 : "I");
  set(Line::U1, RUCK, returned(error->quoted_udp_checksum, udp_checksum_of(round_.series)));
  set(Line::U1, RUD, error->is_data_intact ? "G" : "I");
}

void Filler::fill_echoes() {
  const auto* const first = answer_to<EchoResponse>(round_, Probe::Echo1);
  const auto* const second = answer_to<EchoResponse>(round_, Probe::Echo2);
  if (!begin(Line::Ie, Probe::Echo2, first != nullptr && second != nullptr)) return;
  const char* fragmenting = "O";
  if (first->ip.df == second->ip.df) {
    fragmenting = first->ip.df ? "Y" : "N";
  } else if (first->ip.df) {
    fragmenting = "S";  // As in the probes.
  }
  set(Line::Ie, DFI, fragmenting);
  set_ttl(Line::Ie, first->ip.ttl);
  std::string code = "O";
  if (first->code == kEchoCode && second->code == 0) {
    code = "S";
  } else if (first->code == second->code) {
    code = first->code == 0 ? "Z" : hex(first->code);
  }
  set(Line::Ie, CD, std::move(code));
}

}  // namespace

Analysis analyse(const Round& round) {
  Analysis analysis;
  analysis.hops = measured_hops(round);
  Filler filler{round, analysis};
  filler.fill_sequences();
  filler.fill_windows_and_options();
  filler.fill_ecn();
  constexpr std::pair<Line, Probe> kSegments[] = {
      {Line::T1, Probe::Seq1}, {Line::T2, Probe::T2}, {Line::T3, Probe::T3}, {Line::T4, Probe::T4},
      {Line::T5, Probe::T5},   {Line::T6, Probe::T6}, {Line::T7, Probe::T7}};
  for (const auto& [line, probe] : kSegments) filler.fill_segment(line, probe);
  filler.fill_datagram();
  filler.fill_echoes();
  return analysis;
}

}  // namespace trawl::osfp
