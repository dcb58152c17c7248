#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <random>

#include "control/audit/option_rules.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;

constexpr std::size_t kMostData = 1400;  // What fits a frame with every header.
constexpr std::size_t kMostOptions = 40;

std::optional<long> whole_number(std::string_view text, int base = 10) noexcept {
  long value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

Taken take_bytes(AuditOptions& options, std::vector<std::byte> bytes) {
  if (options.style.has_data) {
    return bad_value("Can't use the --data option(s) multiple times, or together.");
  }
  if (bytes.size() > kMostData) {
    return bad_value(
        fmt::format("Data of {} bytes does not fit a packet; {} do.", bytes.size(), kMostData));
  }
  options.style.has_data = true;
  options.style.data = std::move(bytes);
  return {};
}

// "0xdeadbeef", "\xde\xad" or "deadbeef".
std::optional<std::vector<std::byte>> parse_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  const bool escaped = text.starts_with("\\x");
  if (text.starts_with("0x")) text.remove_prefix(2);
  while (!text.empty()) {
    if (escaped) {
      if (!text.starts_with("\\x")) return std::nullopt;
      text.remove_prefix(2);
    }
    const auto byte =
        text.size() < 2 || text[0] == '-' ? std::nullopt : whole_number(text.substr(0, 2), 16);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(*byte));
    text.remove_prefix(2);
  }
  if (bytes.empty()) return std::nullopt;
  return bytes;
}

Taken take_data(AuditOptions& options, const OptionWord& word) {
  auto bytes = parse_hex(word.value);
  if (!bytes) return bad_value("Invalid hex string specified");
  return take_bytes(options, std::move(*bytes));
}

Taken take_data_string(AuditOptions& options, const OptionWord& word) {
  std::vector<std::byte> bytes(word.value.size());
  std::ranges::transform(word.value, bytes.begin(), [](char c) { return std::byte(c); });
  return take_bytes(options, std::move(bytes));
}

Taken take_data_length(AuditOptions& options, const OptionWord& word) {
  const auto length = whole_number(word.value);
  if (!length || *length < 0 || *length > 65435) {
    return bad_value("data-length must be between 0 and 65435");
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(*length));
  std::mt19937_64 random{std::random_device{}()};
  for (std::byte& byte : bytes) byte = std::byte(random() & 0xffU);
  return take_bytes(options, std::move(bytes));
}

Taken take_ttl(AuditOptions& options, const OptionWord& word) {
  const auto ttl = whole_number(word.value);
  if (!ttl || *ttl < 0 || *ttl > 255) {
    return bad_value("ttl option must be a number between 0 and 255 (inclusive)");
  }
  options.style.ttl = static_cast<std::uint8_t>(*ttl);
  return {};
}

Taken take_source_port(AuditOptions& options, const OptionWord& word) {
  const auto port = whole_number(word.value);
  if (!port || *port < 0 || *port > 65535) {
    return bad_value("Source port number must be between 0 and 65535 (inclusive)");
  }
  options.style.source_port = static_cast<std::uint16_t>(*port);
  return {};
}

Taken take_mtu(AuditOptions& options, const OptionWord& word) {
  const auto mtu = whole_number(word.value);
  if (!mtu || *mtu <= 0 || *mtu % 8 != 0 || *mtu > 1480) {
    return bad_value("Data payload MTU must be >0 and multiple of 8");
  }
  options.fragment = static_cast<std::size_t>(*mtu);
  return {};
}

void pad_options(std::vector<std::byte>& bytes) {
  while (bytes.size() % 4 != 0) bytes.push_back(std::byte{0});
}

// "\\x01*4\\x44\\x04": bytes in hex, each as often as is said behind it.
std::optional<std::vector<std::byte>> parse_option_bytes(std::string_view text) {
  std::vector<std::byte> bytes;
  while (!text.empty()) {
    if (!text.starts_with("\\x") || text.size() < 4) return std::nullopt;
    const auto byte = text[2] == '-' ? std::nullopt : whole_number(text.substr(2, 2), 16);
    if (!byte) return std::nullopt;
    text.remove_prefix(4);
    std::size_t times = 1;
    if (text.starts_with('*')) {
      const std::size_t end = std::min(text.find('\\'), text.size());
      const auto count = whole_number(text.substr(1, end - 1));
      if (!count || *count < 1 || *count > static_cast<long>(kMostOptions)) return std::nullopt;
      times = static_cast<std::size_t>(*count);
      text.remove_prefix(end);
    }
    bytes.insert(bytes.end(), times, static_cast<std::byte>(*byte));
    if (bytes.size() > 4 * kMostOptions) return std::nullopt;
  }
  if (bytes.empty()) return std::nullopt;
  return bytes;
}

// Record route, time stamp, source routes: their letters, or bytes in hex ("\x07\x04*3").
Taken take_ip_options(AuditOptions& options, const OptionWord& word) {
  const std::string_view text = word.value;
  std::vector<std::byte> bytes;
  const auto filled = [&bytes](std::uint8_t type, std::size_t size, std::uint8_t pointer) {
    bytes.assign(size, std::byte{0});
    bytes[0] = std::byte{type};
    bytes[1] = static_cast<std::byte>(size);
    bytes[2] = std::byte{pointer};
  };
  if (text == "R") {
    filled(7, 39, 4);  // RFC 791 section 3.1: nine addresses.
  } else if (text == "T" || text == "U") {
    filled(68, text == "T" ? 40 : 36, 5);
    if (text == "U") bytes[3] = std::byte{1};
  } else if (text.starts_with("L ") || text.starts_with("S ")) {
    bytes = {std::byte(text[0] == 'L' ? 131 : 137), std::byte{0}, std::byte{4}};
    std::string_view rest = text.substr(2);
    while (!rest.empty()) {
      const std::string_view one = rest.substr(0, rest.find(' '));
      const auto hop = Ipv4Address::parse(one);
      if (!hop) return bad_value(fmt::format("--ip-options: {} is no IPv4 address", one));
      for (unsigned i = 0; i < 4; ++i) {
        bytes.push_back(static_cast<std::byte>(hop->value() >> (24U - 8U * i)));
      }
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    }
    bytes[1] = static_cast<std::byte>(bytes.size());
  } else {
    auto listed = parse_option_bytes(text);
    if (!listed) {
      return bad_value("--ip-options: neither R, T, U, L or S with addresses, nor bytes in hex");
    }
    bytes = std::move(*listed);
  }
  pad_options(bytes);
  if (bytes.size() > kMostOptions) {
    return bad_value("Ip options can't be more than 40 bytes long");
  }
  options.style.ip_options = std::move(bytes);
  return {};
}

constexpr std::array kRules{
    OptionRule{{"data", Required}, take_data},
    OptionRule{{"data-string", Required}, take_data_string},
    OptionRule{{"data-length", Required}, take_data_length},
    OptionRule{{"ttl", Required}, take_ttl},
    OptionRule{{"g", Required}, take_source_port},
    OptionRule{{"source-port", Required}, take_source_port},
    OptionRule{{"f"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.fragment += 8;
                 return {};
               }},
    OptionRule{{"mtu", Required}, take_mtu},
    OptionRule{{"ip-options", Required}, take_ip_options},
    OptionRule{{"badsum"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.style.bad_checksum = true;
                 return {};
               }},
    OptionRule{{"adler32"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.style.adler32 = true;
                 return {};
               }},
    OptionRule{{"e", Required}, keep_value<&AuditOptions::interface>},
    OptionRule{{"S", Required}, keep_value<&AuditOptions::source>},
    OptionRule{{"D", Required}, keep_value<&AuditOptions::decoys>},
    OptionRule{{"spoof-mac", Required}, keep_value<&AuditOptions::spoof_mac>},
    OptionRule{{"send-ip"}, set_option<&AuditOptions::through_kernel>},
    OptionRule{{"send-eth"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.through_kernel = false;
                 return {};
               }},
    OptionRule{{"privileged"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.is_privileged = true;
                 return {};
               }},
    OptionRule{{"unprivileged"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.is_privileged = false;
                 return {};
               }},
};

}  // namespace

std::span<const OptionRule> style_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
