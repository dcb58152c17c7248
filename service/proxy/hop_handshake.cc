#include "service/proxy/hop_handshake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace trawl::service {
namespace {

constexpr HopVerdict kOpen{HopVerdict::State::Open, "syn-ack"};
constexpr HopVerdict kRefusedByProxy{HopVerdict::State::Filtered, "proxy-refused"};

HopAnswer trouble(std::string text, bool is_final = true) {
  return {.verdict = {}, .trouble = std::move(text), .said = {}, .is_final = is_final};
}

HopAnswer says(const HopVerdict& verdict, std::string said) {
  return {.verdict = verdict, .trouble = {}, .said = std::move(said)};
}

// Of the base 64 of RFC 4648 section 4.
std::string base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8U | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j <= text.size() ? kDigits[bits >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return out;
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The value of a header field, "" when there is none. `name` is in small letters.
std::string_view field(std::string_view header, std::string_view name) noexcept {
  while (!header.empty()) {
    std::string_view line = header.substr(0, header.find('\n'));
    header.remove_prefix(std::min(header.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!std::ranges::equal(line.substr(0, name.size()), name, {}, lower)) continue;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    return line;
  }
  return {};
}

// Squid tells errno(3) of its connect(2), as Linux, the BSDs, Solaris or Windows number it.
std::optional<HopVerdict> read_squid_error(std::string_view text) noexcept {
  constexpr std::string_view kFailed = "ERR_CONNECT_FAIL ";
  if (!text.starts_with(kFailed)) return std::nullopt;
  text.remove_prefix(kFailed.size());
  int number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  constexpr std::array kRefused{111, 61, 146, 10061};
  constexpr std::array kTimedOut{110, 60, 145, 10060};
  constexpr std::array kNoHost{113, 65, 148, 10065};
  constexpr std::array kNoNetwork{101, 51, 128, 10051};
  const auto is = [number](const auto& numbers) { return std::ranges::count(numbers, number) > 0; };
  if (is(kRefused)) return HopVerdict{HopVerdict::State::Closed, "conn-refused"};
  if (is(kTimedOut)) return HopVerdict{HopVerdict::State::Filtered, "no-response"};
  if (is(kNoHost)) return HopVerdict{HopVerdict::State::Filtered, "host-unreach"};
  if (is(kNoNetwork)) return HopVerdict{HopVerdict::State::Filtered, "net-unreach"};
  return std::nullopt;
}

// "HTTP/1.1 200 Fine": the number; 0 for what is no HTTP.
unsigned status_of(std::string_view header) noexcept {
  unsigned status = 0;
  if (header.size() < 12 || !header.starts_with("HTTP/1.") || header[8] != ' ') return 0;
  const auto [stop, error] = std::from_chars(header.data() + 9, header.data() + 12, status);
  return error == std::errc{} && stop == header.data() + 12 && status >= 100 ? status : 0;
}

// Of the bytes so far, read one by one.
bool is_whole_header(std::string_view text) noexcept {
  return text.ends_with("\n\n") || text.ends_with("\n\r\n");
}

void append_port(std::string& out, std::uint16_t port) {
  out += static_cast<char>(port >> 8U);
  out += static_cast<char>(port & 0xffU);
}

void append_address(std::string& out, const IpAddress& ip) {
  if (ip.is_v4()) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(ip.v4().value() >> shift & 0xffU);
    return;
  }
  for (int shift = 120; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<std::uint8_t>(ip.v6().value() >> shift));
  }
}

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
}

}  // namespace

std::optional<HopAnswer> read_connect_answer(std::string_view header) {
  const unsigned status = status_of(header);
  if (status == 0) return std::nullopt;
  const std::string said = fmt::format("HTTP {}", status);
  if (status / 100 == 2) return says(kOpen, said);
  switch (status) {
    case 401:
    case 407: return trouble(fmt::format("wants another login ({})", said));
    case 405:
    case 501: return trouble(fmt::format("does not connect to anybody ({})", said));
    case 504: return says({HopVerdict::State::Filtered, "no-response"}, said);
    default: break;
  }
  return says(read_squid_error(field(header, "x-squid-error")).value_or(kRefusedByProxy), said);
}

void HopHandshake::begin(std::string& out) {
  switch (hop_->kind) {
    case ProxyHop::Kind::Http: request_http(out); break;
    case ProxyHop::Kind::Socks4: request_socks4(out); break;
    case ProxyHop::Kind::Socks5:
      out.append(hop_->has_login ? std::string_view{"\x05\x02\x00\x02", 4}
                                 : std::string_view{"\x05\x01\x00", 3});
      needed_ = 2;
      return;
  }
  step_ = Step::Request;
}

void HopHandshake::request_http(std::string& out) const {
  if (goal_) {
    const std::string host = goal_->ip.to_string();
    const std::string place = goal_->ip.is_v4() ? fmt::format("{}:{}", host, goal_->port)
                                                : fmt::format("[{}]:{}", host, goal_->port);
    out += fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", place);
  } else {
    out += fmt::format("OPTIONS * HTTP/1.1\r\nHost: {}\r\nMax-Forwards: 0\r\n", hop_->host);
  }
  if (hop_->has_login) {
    out += fmt::format("Proxy-Authorization: Basic {}\r\n",
                       base64(fmt::format("{}:{}", hop_->user, hop_->password)));
  }
  out += "\r\n";
}

void HopHandshake::request_socks4(std::string& out) const {
  out += "\x04\x01";
  append_port(out, goal_ ? goal_->port : 0);
  append_address(out, goal_ ? goal_->ip : IpAddress{});
  out += '\0';
}

std::optional<HopAnswer> HopHandshake::take(std::string_view& in, std::string& out) {
  while (!in.empty()) {
    if (hop_->kind == ProxyHop::Kind::Http) {
      // Byte by byte to the end of the header: what follows is somebody else's.
      buffer_ += in.front();
      in.remove_prefix(1);
      if (auto answer = take_http()) return answer;
      continue;
    }
    const std::size_t some = std::min(in.size(), needed_ - buffer_.size());
    buffer_.append(in.substr(0, some));
    in.remove_prefix(some);
    if (buffer_.size() < needed_) return std::nullopt;
    if (auto answer = hop_->kind == ProxyHop::Kind::Socks4 ? take_socks4() : take_socks5(out)) {
      return answer;
    }
    if (hop_->kind == ProxyHop::Kind::Socks4) needed_ = buffer_.size() < 2 ? 2 : 8;
  }
  return std::nullopt;
}

std::optional<HopAnswer> HopHandshake::take_http() {
  constexpr std::string_view kBegin = "HTTP/1.";
  ++header_;
  if (!kBegin.starts_with(std::string_view{buffer_}.substr(0, kBegin.size()))) {
    return trouble("answers what is no HTTP");
  }
  if (header_ > kMostHeader) return trouble("answers without an end");
  if (!is_whole_header(buffer_)) return std::nullopt;
  const unsigned status = status_of(buffer_);
  if (status / 100 == 1) {
    buffer_.clear();
    return std::nullopt;
  }
  auto answer = read_connect_answer(buffer_);
  if (!answer) return trouble("answers what is no HTTP");
  // Whatever it says to OPTIONS, it is there; unless it wants to know who we are.
  if (!goal_ && status != 401 && status != 407) return says(kOpen, fmt::format("HTTP {}", status));
  return answer;
}

// Octets: version (0), code; port and address follow.
std::optional<HopAnswer> HopHandshake::take_socks4() const {
  if (byte_at(buffer_, 0) != 0) return trouble("answers what is no SOCKS 4");
  if (buffer_.size() < 2) return std::nullopt;
  const unsigned code = byte_at(buffer_, 1);
  const std::string said = fmt::format("SOCKS 4 code {}", code);
  switch (code) {
    case 90: return buffer_.size() < 8 ? std::nullopt : std::optional{says(kOpen, said)};
    case 91: return says(kRefusedByProxy, said);
    case 92:
    case 93: return trouble(fmt::format("wants to know who we are ({})", said));
    default: return trouble("answers what is no SOCKS 4");
  }
}

std::optional<HopAnswer> HopHandshake::take_socks5(std::string& out) {
  if (step_ == Step::Request) return take_socks5_reply();
  if (step_ == Step::Greeting) {
    if (byte_at(buffer_, 0) != 5) return trouble("answers what is no SOCKS 5");
    const unsigned method = byte_at(buffer_, 1);
    buffer_.clear();
    if (method == 0) return request_socks5(out);
    if (method != 2 || !hop_->has_login) {
      return trouble(method == 0xff || method == 2 ? "wants another login"
                                                   : "wants a login that nobody asked for");
    }
    out += '\x01';
    for (const std::string& word : {hop_->user, hop_->password}) {
      out += static_cast<char>(word.size());
      out += word;
    }
    step_ = Step::Login;
    return std::nullopt;
  }
  const bool is_in = byte_at(buffer_, 1) == 0;
  buffer_.clear();
  return is_in ? request_socks5(out) : std::optional{trouble("refuses user and password")};
}

std::optional<HopAnswer> HopHandshake::request_socks5(std::string& out) {
  step_ = Step::Request;
  if (!goal_) return says(kOpen, "SOCKS 5");
  out.append(std::string_view{"\x05\x01\x00", 3});
  out += goal_->ip.is_v4() ? '\x01' : '\x04';
  append_address(out, goal_->ip);
  append_port(out, goal_->port);
  needed_ = 2;
  return std::nullopt;
}

// Octets: version (5), code, 0, kind of address, the address, two of a port.
std::optional<HopAnswer> HopHandshake::take_socks5_reply() {
  if (byte_at(buffer_, 0) != 5) return trouble("answers what is no SOCKS 5");
  const unsigned code = byte_at(buffer_, 1);
  const std::string said = fmt::format("SOCKS 5 code {}", code);
  switch (code) {
    case 0: break;
    case 1:
    case 2: return says(kRefusedByProxy, said);
    case 3: return says({HopVerdict::State::Filtered, "net-unreach"}, said);
    case 4: return says({HopVerdict::State::Filtered, "host-unreach"}, said);
    case 5: return says({HopVerdict::State::Closed, "conn-refused"}, said);
    case 6: return says({HopVerdict::State::Filtered, "time-exceeded"}, said);
    case 7: return trouble(fmt::format("does not connect to anybody ({})", said));
    case 8: return says(kRefusedByProxy, said);
    default: return trouble("answers what is no SOCKS 5");
  }
  if (buffer_.size() < 5) {
    needed_ = 5;
    return std::nullopt;
  }
  const unsigned kind = byte_at(buffer_, 3);
  if (kind != 1 && kind != 3 && kind != 4) return trouble("answers what is no SOCKS 5");
  needed_ = 6 + (kind == 1 ? 4U : kind == 4 ? 16U : 1 + byte_at(buffer_, 4));
  return buffer_.size() < needed_ ? std::nullopt : std::optional{says(kOpen, said)};
}

HopAnswer HopHandshake::take_end() const {
  // The status line alone says it too.
  if (hop_->kind == ProxyHop::Kind::Http && goal_ && buffer_.find('\n') != std::string::npos) {
    auto answer = read_connect_answer(buffer_);
    if (answer && answer->verdict && answer->verdict->state != HopVerdict::State::Open)
      return *answer;
  }
  return trouble(buffer_.empty() ? "closed the connection without an answer"
                                 : "closed the connection in the middle of an answer",
                 false);
}

}  // namespace trawl::service
