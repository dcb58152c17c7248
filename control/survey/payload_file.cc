#include "control/survey/payload_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "control/survey/port_spec.h"
#include "control/survey/text.h"
#include "control/survey/udp_payload_text.h"

namespace trawl::control {
namespace {

using dataplane::UdpField;
using dataplane::UdpPayload;
using dataplane::UdpReplyStep;
using dataplane::UdpSlot;
using Kind = UdpReplyStep::Kind;

struct FieldName {
  std::string_view name;
  UdpField field;
};
constexpr FieldName kFields[] = {{"%id7", UdpField::Id7},     {"%id16", UdpField::Id16},
                                 {"%id30", UdpField::Id30},   {"%id32", UdpField::Id32},
                                 {"%idhex", UdpField::IdHex}, {"%stamp", UdpField::Stamp}};

std::optional<UdpField> field_of(std::string_view word) {
  const auto* found = std::ranges::find(kFields, word, &FieldName::name);
  return found == std::end(kFields) ? std::nullopt : std::optional{found->field};
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

using Bytes = std::vector<std::byte>;

std::optional<Bytes> bytes_of_hex(std::string_view word) {
  if (word.empty() || word.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  for (std::size_t i = 0; i < word.size(); i += 2) {
    const auto high = hex_digit(word[i]);
    const auto low = hex_digit(word[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(*high << 4U | *low));
  }
  return bytes;
}

// N of "%zeroN" and "%skipN".
std::optional<std::uint16_t> number_behind(std::string_view word, std::string_view start) {
  if (!word.starts_with(start)) return std::nullopt;
  word.remove_prefix(start.size());
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  if (number == 0 || number > UdpPayload::kMostBytes) return std::nullopt;
  return number;
}

// One word of a line: bare, or the bytes that stood in quotes.
struct Token {
  std::string_view word;
  std::optional<Bytes> text;
};

// Takes one line apart. A failure is what to say behind the line's number.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : left_{line} {}

  // nullopt at the end of the line.
  [[nodiscard]] std::optional<Token> next(std::string& problem) {
    const std::size_t start = left_.find_first_not_of(" \t");
    if (start == std::string_view::npos || left_[start] == '#') return std::nullopt;
    left_.remove_prefix(start);
    if (left_.front() == '"') return quoted(problem);
    const std::size_t end = std::min(left_.find_first_of(" \t\"#"), left_.size());
    Token token{.word = left_.substr(0, end), .text = {}};
    left_.remove_prefix(end);
    return token;
  }

 private:
  std::optional<Token> quoted(std::string& problem) {
    Bytes bytes;
    for (std::size_t i = 1; i < left_.size(); ++i) {
      if (left_[i] == '"') {
        Token token{.word = left_.substr(0, i + 1), .text = std::move(bytes)};
        left_.remove_prefix(i + 1);
        return token;
      }
      if (left_[i] != '\\') {
        bytes.push_back(static_cast<std::byte>(left_[i]));
        continue;
      }
      const auto byte = escape(left_.substr(i + 1), i);
      if (!byte) {
        problem = fmt::format("{} has an escape that is none of \\r \\n \\t \\0 \\\" \\\\ \\xNN",
                              quote(left_));
        return std::nullopt;
      }
      bytes.push_back(*byte);
    }
    problem = fmt::format("{} has no closing quote", quote(left_));
    return std::nullopt;
  }

  // The byte that `text`, behind a backslash, stands for; moves `at` to its last character.
  static std::optional<std::byte> escape(std::string_view text, std::size_t& at) {
    constexpr std::string_view kLetters = "rnt0\"\\";
    constexpr std::string_view kValues{"\r\n\t\0\"\\", 6};
    if (text.empty()) return std::nullopt;
    if (const std::size_t known = kLetters.find(text.front()); known != std::string_view::npos) {
      ++at;
      return static_cast<std::byte>(kValues[known]);
    }
    const auto value =
        text.size() < 3 || text.front() != 'x' ? std::nullopt : bytes_of_hex(text.substr(1, 2));
    if (!value) return std::nullopt;
    at += 3;
    return value->front();
  }

  std::string_view left_;
};

class PayloadParser {
 public:
  explicit PayloadParser(std::string_view name) : name_{name}, first_line_(1U << 16U) {}

  Result<void> line(std::string_view text, std::size_t number) {
    number_ = number;
    if (text.ends_with('\r')) text.remove_suffix(1);
    LineReader words{text};
    std::string problem;
    auto token = words.next(problem);
    if (!token && problem.empty()) return {};  // Blank, or a comment.
    const bool goes_on = text.front() == ' ' || text.front() == '\t';
    if (goes_on && payloads_.empty()) return bad("goes on with a line before, but there is none");
    if (!goes_on && problem.empty()) {
      if (auto begun = begin(words, *token, problem); !begun) return begun;
      if (problem.empty()) token = words.next(problem);
    }
    for (; token && problem.empty(); token = words.next(problem)) {
      if (auto taken = take(*token); !taken) return taken;
    }
    return problem.empty() ? Result<void>{} : bad(problem);
  }

  Result<std::vector<UdpPayload>> done() {
    if (auto fits = finish(); !fits) return Failure{fits.error()};
    return std::move(payloads_);
  }

 private:
  Failure bad(std::string_view why) const {
    return fail(ExitCode::BadInput, fmt::format("{}:{}: {}", name_, number_, why));
  }

  // The name and the ports of a line; leaves `token` on the ports.
  Result<void> begin(LineReader& words, Token& token, std::string& problem) {
    if (auto fits = finish(); !fits) return fits;
    if (payloads_.size() == kMostPayloads) return bad("is one payload more than 256");
    UdpPayload payload;
    if (!token.text && token.word.ends_with(':')) {
      payload.name = token.word.substr(0, token.word.size() - 1);
      constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
      if (payload.name.empty() || payload.name.find_first_not_of(kAllowed) != std::string::npos) {
        return bad(fmt::format("{} is not a name; expected lower-case letters, digits and -",
                               quote(token.word)));
      }
      auto ports = words.next(problem);
      if (!problem.empty()) return {};
      if (!ports) return bad(fmt::format("{} has no ports", quote(token.word)));
      token = std::move(*ports);
    }
    auto ports = parse_ports(token.text ? "\"" : token.word, fmt::format("{}:{}", name_, number_));
    if (!ports) return fail(ExitCode::BadInput, ports.error().message);
    payload.ports = std::move(*ports);
    begun_ = number_;
    payloads_.push_back(std::move(payload));
    in_reply_ = finding_ = false;
    return claim_ports();
  }

  // A port named twice is a mistake unless both lines have names to choose by.
  Result<void> claim_ports() {
    const UdpPayload& payload = payloads_.back();
    for (const std::uint16_t port : payload.ports) {
      FirstLine& first = first_line_[port];
      if (first.number != 0 && (first.nameless || payload.name.empty())) {
        return bad(
            fmt::format("port {} has a payload in line {} already; name both lines to "
                        "choose by --payload",
                        port, first.number));
      }
      if (first.number == 0) first = {number_, payload.name.empty()};
    }
    return {};
  }

  Result<void> take(const Token& token) {
    if (token.word == "=>") {
      if (in_reply_) return bad("has => twice");
      in_reply_ = true;
      return {};
    }
    auto bytes = token.text ? token.text : bytes_of_hex(token.word);
    if (bytes) return in_reply_ ? expect_bytes(std::move(*bytes)) : append(*bytes);
    if (const auto field = field_of(token.word)) {
      return in_reply_ ? add_step({.kind = Kind::Field, .field = *field, .bytes = {}})
                       : append_field(*field);
    }
    return in_reply_ ? take_step(token.word) : take_piece(token.word);
  }

  Result<void> append(const Bytes& bytes) {
    Bytes& into = payloads_.back().bytes;
    if (into.size() + bytes.size() > UdpPayload::kMostBytes) {
      return bad(fmt::format("is longer than {} bytes", UdpPayload::kMostBytes));
    }
    into.insert(into.end(), bytes.begin(), bytes.end());
    return {};
  }

  Result<void> append_field(UdpField field) {
    UdpPayload& payload = payloads_.back();
    if (payload.slots.size() == UdpPayload::kMostSlots) {
      return bad(fmt::format("has more than {} fields", UdpPayload::kMostSlots));
    }
    payload.slots.push_back({field, static_cast<std::uint16_t>(payload.bytes.size())});
    return append(Bytes(size_of(field)));
  }

  Result<void> take_piece(std::string_view word) {
    if (const auto count = number_behind(word, "%zero")) return append(Bytes(*count));
    return bad(
        fmt::format("{} is no piece of a payload; expected pairs of hex digits, \"text\", "
                    "%id7, %id16, %id30, %id32, %idhex, %stamp or %zeroN",
                    quote(word)));
  }

  Result<void> take_step(std::string_view word) {
    UdpPayload& payload = payloads_.back();
    if (const auto count = number_behind(word, "%skip")) {
      return add_step({.kind = Kind::Skip, .count = *count, .bytes = {}});
    }
    if (word == "%snmp") return add_step({.kind = Kind::Snmp, .bytes = {}});
    if (word == "%find" && !finding_) {
      finding_ = true;
      return {};
    }
    if (word == "%anyport" && payload.reply.empty() && !finding_) {
      if (payload.ports.size() != 1) return bad("%anyport needs a line with one port");
      payload.any_port = true;
      return {};
    }
    return bad(
        fmt::format("{} is no step of a reply here; expected pairs of hex digits, \"text\", "
                    "a field of the payload, %skipN, %find, %snmp, or %anyport first",
                    quote(word)));
  }

  Result<void> expect_bytes(Bytes bytes) {
    if (bytes.empty() || bytes.size() > UdpPayload::kMostBytes) {
      return bad(fmt::format("a step needs 1 to {} bytes", UdpPayload::kMostBytes));
    }
    const Kind kind = std::exchange(finding_, false) ? Kind::Find : Kind::Bytes;
    return add_step({.kind = kind, .bytes = std::move(bytes)});
  }

  Result<void> add_step(UdpReplyStep step) {
    UdpPayload& payload = payloads_.back();
    if (finding_) return bad("%find needs bytes behind it");
    if (payload.reply.size() == kMostReplySteps) {
      return bad(fmt::format("has more than {} steps", kMostReplySteps));
    }
    payload.reply.push_back(std::move(step));
    return {};
  }

  // What the reply is to bring back must have been sent.
  Result<void> finish() {
    if (payloads_.empty()) return {};
    const std::size_t here = std::exchange(number_, begun_);
    const UdpPayload& payload = payloads_.back();
    if (finding_) return bad("%find needs bytes behind it");
    unsigned ids = 0;
    for (const UdpReplyStep& step : payload.reply) {
      if (step.kind != Kind::Field && step.kind != Kind::Snmp) continue;
      const UdpField field = step.kind == Kind::Snmp ? UdpField::Id30 : step.field;
      ids += static_cast<unsigned>(field != UdpField::Stamp);
      if (std::ranges::find(payload.slots, field, &UdpSlot::field) == payload.slots.end()) {
        return bad("the reply is to bring back a field that the payload does not have");
      }
    }
    if (ids > 1) return bad("a reply can bring back one id");
    number_ = here;
    return {};
  }

  struct FirstLine {
    std::size_t number = 0;  // 0 for none.
    bool nameless = false;
  };

  std::string_view name_;
  std::vector<FirstLine> first_line_;  // By port.
  std::vector<UdpPayload> payloads_;
  std::size_t number_ = 0;  // Of the line at hand,
  std::size_t begun_ = 0;   // and of the one its payload begins in.
  bool in_reply_ = false;
  bool finding_ = false;  // %find waits for its bytes.
};

}  // namespace

Result<std::vector<UdpPayload>> parse_payloads(std::string_view content, std::string_view name) {
  PayloadParser parser{name};
  for (std::size_t number = 1; !content.empty(); ++number) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    if (auto taken = parser.line(content.substr(0, end), number); !taken) {
      return Failure{taken.error()};
    }
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return parser.done();
}

Result<std::vector<UdpPayload>> read_payload_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string content(kLargestPayloadFile + 1, '\0');
  if (file) file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) {
    return fail(
        ExitCode::BadInput,
        fmt::format("--payload-file {}: cannot be read; name a file that is there", quote(path)));
  }
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (content.size() > kLargestPayloadFile) {
    return fail(ExitCode::BadInput, fmt::format("--payload-file {}: is larger than {} bytes",
                                                quote(path), kLargestPayloadFile));
  }
  return parse_payloads(content, path);
}

std::vector<UdpPayload> builtin_payloads() {
  auto parsed = parse_payloads(kUdpPayloadText, "udp_payloads.txt");
  return parsed ? std::move(*parsed) : std::vector<UdpPayload>{};  // A unit test reads it.
}

Result<std::vector<UdpPayload>> order_payloads(const std::vector<UdpPayload>& own,
                                               std::string_view wanted, std::string_view option) {
  const std::vector<UdpPayload> builtin = builtin_payloads();
  std::vector<UdpPayload> ordered;
  std::vector<std::string_view> names;
  for (const auto* each : {&builtin, &own}) {
    std::copy(each->rbegin(), each->rend(), std::back_inserter(ordered));
    for (const UdpPayload& payload : *each) {
      if (!payload.name.empty()) names.push_back(payload.name);
    }
  }
  const std::vector<UdpPayload> all = ordered;
  if (wanted.empty()) return ordered;
  for (;;) {
    const std::size_t comma = std::min(wanted.find(','), wanted.size());
    const std::string_view name = wanted.substr(0, comma);
    const auto found = std::find_if(all.rbegin(), all.rend(), [name](const UdpPayload& payload) {
      return !payload.name.empty() && payload.name == name;
    });
    if (found == all.rend()) {
      return fail(ExitCode::Usage,
                  fmt::format("{}: {} is not the name of a payload{}; names are those of "
                              "--payload-file and such as dns, ntp or snmp-v2c",
                              option, quote(name), did_you_mean(name, names)));
    }
    ordered.push_back(*found);
    if (comma == wanted.size()) return ordered;
    wanted.remove_prefix(comma + 1);
  }
}

}  // namespace trawl::control
