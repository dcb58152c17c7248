#include "bench/simnet/personality.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "bench/simnet/crc32_data.h"
#include "bench/simnet/frame.h"

namespace trawl::simnet {
namespace {

using namespace osfp;
using enum FingerprintTest;
using Line = FingerprintLine;

constexpr std::uint8_t kUrg = 0x20;
constexpr std::uint8_t kEce = 0x40;
constexpr std::uint8_t kCwr = 0x80;

// Appends options that are printed as `signature` (tests O); what cannot be read, or does not fit,
// is left out. Options come in words of four bytes: a last one that is not full is filled with
// ends of list.
void write_options(std::string_view signature, SegmentStyle& out) {
  const auto put = [&out](std::initializer_list<std::uint32_t> bytes) {
    if (out.options_size + bytes.size() > SegmentStyle::kMostOptions) return;
    for (const std::uint32_t byte : bytes) {
      out.options[out.options_size++] = static_cast<std::byte>(byte & 0xffU);
    }
  };
  const auto take_number = [&signature] {
    const std::size_t size =
        std::min(signature.find_first_not_of("0123456789ABCDEF"), signature.size());
    const std::string_view digits = signature.substr(0, size);
    signature.remove_prefix(size);
    return static_cast<std::uint32_t>(hexadecimal(digits).value_or(0));
  };
  while (!signature.empty()) {
    const char letter = signature.front();
    signature.remove_prefix(1);
    switch (letter) {
      case 'L': put({0}); break;
      case 'N': put({1}); break;
      case 'S': put({4, 2}); break;
      case 'W': put({3, 3, take_number()}); break;
      case 'M': {
        const std::uint32_t size = take_number();
        put({2, 4, size >> 8U, size});
        break;
      }
      case 'T': {
        const bool value = signature.starts_with('1');
        const bool echo = signature.size() > 1 && signature[1] == '1';
        signature.remove_prefix(std::min<std::size_t>(signature.size(), 2));
        put({8, 10, 0, 0, 0, value ? 1U : 0U, 0, 0, 0, echo ? 1U : 0U});
        break;
      }
      default: break;
    }
  }
  while (out.options_size % 4 != 0) out.options[out.options_size++] = std::byte{0};
}

NumberRule number_rule(std::string_view value) noexcept {
  if (value == "Z") return NumberRule::Zero;
  if (value == "A" || value == "S") return NumberRule::Same;
  if (value == "A+" || value == "S+") return NumberRule::Next;
  return NumberRule::Other;
}

std::uint8_t flags_of(std::string_view letters) noexcept {
  constexpr std::pair<char, std::uint8_t> kLetters[] = {
      {'E', kEce},       {'U', kUrg},       {'A', wire::kAck}, {'P', wire::kPsh},
      {'R', wire::kRst}, {'S', wire::kSyn}, {'F', wire::kFin}};
  std::uint8_t flags = 0;
  for (const auto& [letter, flag] : kLetters) {
    if (letters.find(letter) != std::string_view::npos) flags |= flag;
  }
  return flags;
}

std::uint8_t congestion_flags(std::string_view value) noexcept {
  if (value == "Y") return kEce;
  if (value == "S") return kEce | kCwr;
  return value == "O" ? kCwr : std::uint8_t{0};
}

// Makes a personality from the values of a fingerprint.
class Maker {
 public:
  Maker(const DrawnValues& values, std::uint8_t hops, std::uint64_t draw)
      : values_{values.fingerprint}, isns_{values.isns} {
    out_.hops = hops;
    out_.draw = draw;
  }
  [[nodiscard]] Personality make();

 private:
  [[nodiscard]] std::string_view text(Line line, FingerprintTest test,
                                      std::string_view otherwise = {}) const noexcept {
    const std::string* const value = values_.find(line, test);
    return value == nullptr ? otherwise : std::string_view{*value};
  }
  [[nodiscard]] std::uint64_t number(Line line, FingerprintTest test,
                                     std::uint64_t otherwise) const noexcept {
    return hexadecimal(text(line, test)).value_or(otherwise);
  }
  // nullopt for G, as it came.
  [[nodiscard]] std::optional<std::uint16_t> changed(FingerprintTest test) const noexcept {
    const auto value = hexadecimal(text(Line::U1, test));
    if (!value) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
  }
  [[nodiscard]] bool has(Line line, FingerprintTest test) const noexcept {
    return values_.find(line, test) != nullptr;
  }
  [[nodiscard]] bool answers(Line line) const noexcept { return text(line, R) == "Y"; }
  [[nodiscard]] std::uint64_t initial_ttl(Line line) const noexcept;
  [[nodiscard]] std::uint8_t arriving_ttl(Line line) const noexcept;
  [[nodiscard]] SegmentStyle segment(Line line, std::string_view flags) const;
  void set_hops() noexcept;
  [[nodiscard]] bool has_numbers() const noexcept {
    return isns_.gcd != nullptr || isns_.rate != nullptr || isns_.predictability != nullptr;
  }
  [[nodiscard]] std::size_t seq_answers() const noexcept;
  [[nodiscard]] std::string_view seq_options(FingerprintTest test) const noexcept;
  void make_seq();
  void make_ordinary();
  void make_unreachable();
  void make_echo();
  void make_ids();
  void make_clock();

  const Fingerprint& values_;
  IsnWishes isns_;
  Personality out_;
};

std::uint64_t Maker::initial_ttl(Line line) const noexcept {
  constexpr std::uint64_t kCommon = 64;
  return number(line, T, number(line, TG, kCommon));
}

// An initial TTL of 256 is what a host sends that is a hop farther than its packets show.
void Maker::set_hops() noexcept {
  constexpr std::uint64_t kMost = 255;
  constexpr std::uint64_t kMostHops = 30;  // A probe has few more to live.
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    const std::uint64_t ttl = initial_ttl(line_at(i));
    if (ttl <= kMost + kMostHops && ttl > kMost + out_.hops) {
      out_.hops = static_cast<std::uint8_t>(ttl - kMost);
    }
  }
}

std::uint8_t Maker::arriving_ttl(Line line) const noexcept {
  const std::uint64_t ttl = initial_ttl(line);
  constexpr std::uint64_t kMost = 255;
  if (ttl <= out_.hops) return 1;
  return static_cast<std::uint8_t>(std::min(ttl - out_.hops, kMost));
}

SegmentStyle Maker::segment(Line line, std::string_view flags) const {
  SegmentStyle out;
  out.answers = answers(line);
  out.df = text(line, DF) == "Y";
  out.ttl = arriving_ttl(line);
  out.window = static_cast<std::uint16_t>(number(line, W, 0));
  out.flags = flags_of(text(line, F, flags));
  const bool resets = (out.flags & wire::kRst) != 0;
  out.sequence = number_rule(text(line, S, resets ? "Z" : "O"));
  out.ack = number_rule(text(line, A, "S+"));
  const std::string_view odd = text(line, Q);
  out.sets_reserved = odd.find('R') != std::string_view::npos;
  out.sets_urgent = odd.find('U') != std::string_view::npos;
  write_options(text(line, O), out);
  const std::uint64_t crc = resets ? number(line, RD, 0) : 0;
  if (crc != 0) {
    out.data = data_with_crc32(static_cast<std::uint32_t>(crc));
    out.data_size = static_cast<std::uint8_t>(out.data.size());
  }
  return out;
}

// How many SEQ probes are answered where the entry has no options, which is where some were not: as
// many as its other tests need.
std::size_t Maker::seq_answers() const noexcept {
  constexpr std::size_t kForIsns = 4;
  constexpr std::size_t kForIds = 3;
  if (text(Line::Ops, R) != "N") return answers(Line::T1) ? IsnStyle::kNumbers : 0;
  if (has_numbers()) return kForIsns;
  if (has(Line::Seq, TI)) return kForIds;
  return answers(Line::T1) ? 1 : 0;
}

// Where the entry does not tell, those that TS needs.
std::string_view Maker::seq_options(FingerprintTest test) const noexcept {
  if (has(Line::Ops, test)) return text(Line::Ops, test);
  const std::string_view stamps = text(Line::Seq, TS, "U");
  if (stamps == "U") return "M5B4";
  return stamps == "0" ? "M5B4NNT00" : "M5B4NNT11";
}

// The answers to SEQ probes are those of T1, with options and windows of their own. T1 is of the
// first: where that has no number of its own but there are sequences, the others do. Those without
// a timestamp where TS says that there are some are no SYN-ACKs.
void Maker::make_seq() {
  constexpr FingerprintTest kOptions[] = {O1, O2, O3, O4, O5, O6};
  constexpr FingerprintTest kWindows[] = {W1, W2, W3, W4, W5, W6};
  constexpr std::uint8_t kSynAck = wire::kSyn | wire::kAck;
  const bool first = answers(Line::T1);
  const bool has_sequences = has_numbers() || has(Line::Seq, TI);
  const bool counts = has_numbers() && (isns_.gcd == nullptr || !isns_.gcd->matches("0"));
  const std::string_view stamps = text(Line::Seq, TS, "U");
  std::size_t left = seq_answers();
  for (std::size_t i = 0; i < std::size(kOptions); ++i) {
    SegmentStyle& one = out_.segments[i];
    one = segment(Line::T1, "AS");
    one.window = static_cast<std::uint16_t>(number(Line::Win, kWindows[i], 0));
    const std::string_view options = seq_options(kOptions[i]);
    write_options(options, one);
    one.answers = left > 0 && (i > 0 || first);
    if (one.answers) --left;
    if (i > 0 && has_sequences && (one.flags & kSynAck) != kSynAck) {
      one.flags = kSynAck;
      one.ack = NumberRule::Next;
    }
    if (i > 0 && counts) one.sequence = NumberRule::Other;
    if (i > 0 && stamps != "U" && options.find('T') == std::string_view::npos) {
      one.flags = wire::kRst | wire::kAck;
      one.sequence = NumberRule::Zero;
      one.ack = NumberRule::Next;
    }
    // Scanners differ in whether a first number of 0 counts; where it does, nothing would help.
    isns_.is_answered[i] = one.answers && (one.flags & kSynAck) == kSynAck &&
                           (!counts || one.sequence == NumberRule::Other);
  }
  out_.isns = find_isns(isns_, out_.draw);
}

// SYNs that are no probe find open ports open and closed ones closed, whatever probes meet.
void Maker::make_ordinary() {
  out_.open = out_.segments[Personality::Seq1];
  out_.open.answers = true;
  out_.open.flags = wire::kSyn | wire::kAck;
  out_.open.ack = NumberRule::Next;
  out_.open.sequence = NumberRule::Other;
  out_.open.data_size = 0;
  out_.closed = out_.segments[Personality::T5];
  if (!out_.closed.answers || (out_.closed.flags & wire::kRst) == 0) {
    out_.closed = SegmentStyle{.df = out_.open.df, .ttl = out_.open.ttl};
    out_.closed.flags = wire::kRst | wire::kAck;
  }
  out_.closed.answers = true;
  out_.closed.ack = NumberRule::Next;
}

void Maker::make_unreachable() {
  constexpr std::uint16_t kLeast = wire::kIpSize + wire::kIcmpSize + wire::kIpSize + wire::kUdpSize;
  constexpr std::uint16_t kMost = 1500;
  UnreachableStyle& out = out_.unreachable;
  out.answers = answers(Line::U1);
  out.df = text(Line::U1, DF) == "Y";
  out.ttl = arriving_ttl(Line::U1);
  const std::uint64_t size = number(Line::U1, IPL, kLeast);
  if (size >= kLeast && size <= kMost) out.size = static_cast<std::uint16_t>(size);
  out.unused = static_cast<std::uint16_t>(number(Line::U1, UN, 0));
  out.quoted_length = changed(RIPL);
  out.quoted_id = changed(RID);
  out.quoted_udp_checksum = changed(RUCK);
  const std::string_view checksum = text(Line::U1, RIPCK);
  using Checksum = UnreachableStyle::Checksum;
  out.quoted_checksum = checksum == "Z"   ? Checksum::Zero
                        : checksum == "I" ? Checksum::Invalid
                                          : Checksum::Good;
  out.spoils_data = text(Line::U1, RUD) == "I";
}

void Maker::make_echo() {
  EchoStyle& out = out_.echo;
  out.answers = answers(Line::Ie);
  out.ttl = arriving_ttl(Line::Ie);
  const std::string_view df = text(Line::Ie, DFI);
  out.df = df == "Y"   ? DfRule::Always
           : df == "S" ? DfRule::Same
           : df == "O" ? DfRule::Opposite
                       : DfRule::Never;
  const std::string_view code = text(Line::Ie, CD);
  if (code == "Z") out.code = 0;
  out.changes_code = code == "O";
  if (const auto other = hexadecimal(code)) out.code = static_cast<std::uint8_t>(*other);
}

IdStyle id_style(std::string_view value) noexcept {
  using Rule = IdStyle::Rule;
  constexpr std::pair<std::string_view, Rule> kRules[] = {{"Z", Rule::Zero},
                                                          {"I", Rule::Count},
                                                          {"BI", Rule::CountSwapped},
                                                          {"RI", Rule::RandomUp},
                                                          {"RD", Rule::Random}};
  for (const auto& [name, rule] : kRules) {
    if (name == value) return {.rule = rule};
  }
  const auto constant = hexadecimal(value);
  if (!constant) return {};
  return {.rule = Rule::Constant, .constant = static_cast<std::uint16_t>(*constant)};
}

// A test without a value is as the others. Packets of the same rule count together, unless SS
// says that echo replies do not.
void Maker::make_ids() {
  constexpr std::uint8_t kClosedCounter = 1;
  constexpr std::uint8_t kEchoCounter = 2;
  const std::string_view echo = text(Line::Seq, II, "I");
  const std::string_view closed = text(Line::Seq, CI, text(Line::Seq, TI, echo));
  const std::string_view open = text(Line::Seq, TI, closed);
  const std::string_view shared = text(Line::Seq, SS);
  out_.open_ids = id_style(open);
  out_.closed_ids = id_style(closed);
  out_.echo_ids = id_style(echo);
  if (out_.closed_ids.rule != out_.open_ids.rule) out_.closed_ids.counter = kClosedCounter;
  if (out_.echo_ids.rule != out_.open_ids.rule || shared == "O") {
    out_.echo_ids.counter = kEchoCounter;
  }
  // Told by which is the greater.
  if (out_.echo_ids.counter == out_.open_ids.counter) return;
  const bool is_echo_above = shared == "O";
  out_.zones[out_.open_ids.counter] = is_echo_above ? IdStyle::Zone::Low : IdStyle::Zone::High;
  out_.zones[kEchoCounter] = is_echo_above ? IdStyle::Zone::High : IdStyle::Zone::Low;
}

// The values of TS stand for ranges of frequencies; these lie in the middle of them.
void Maker::make_clock() {
  constexpr std::pair<std::uint64_t, double> kClocks[] = {{1, 3},   {6, 57},  {7, 100},
                                                          {8, 220}, {9, 500}, {10, 1000}};
  constexpr std::uint64_t kFastest = 34;  // Half of all values in a tenth of a second.
  const std::uint64_t wish = std::min(number(Line::Seq, TS, 7), kFastest);
  out_.stamp_hertz = static_cast<double>(std::uint64_t{1} << wish);
  for (const auto& [value, hertz] : kClocks) {
    if (value == wish) out_.stamp_hertz = hertz;
  }
}

Personality Maker::make() {
  constexpr std::pair<Personality::Segment, Line> kOpen[] = {
      {Personality::T2, Line::T2}, {Personality::T3, Line::T3}, {Personality::T4, Line::T4}};
  constexpr std::pair<Personality::Segment, Line> kClosed[] = {
      {Personality::T5, Line::T5}, {Personality::T6, Line::T6}, {Personality::T7, Line::T7}};
  set_hops();
  make_seq();
  out_.segments[Personality::Ecn] = segment(Line::Ecn, "AS");
  out_.segments[Personality::Ecn].flags |= congestion_flags(text(Line::Ecn, CC));
  for (const auto& [at, line] : kOpen) out_.segments[at] = segment(line, "AR");
  for (const auto& [at, line] : kClosed) out_.segments[at] = segment(line, "AR");
  make_ordinary();
  make_unreachable();
  make_echo();
  make_ids();
  make_clock();
  return out_;
}

}  // namespace

Personality make_personality(const DrawnValues& values, std::uint8_t hops, std::uint64_t draw) {
  return Maker{values, hops, draw}.make();
}

}  // namespace trawl::simnet
