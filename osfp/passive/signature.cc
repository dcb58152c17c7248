#include "osfp/passive/signature.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <span>

namespace trawl::osfp {
namespace {

constexpr std::size_t kFields = 8;
constexpr std::uint32_t kIpv4Headers = 40;  // Of IP and TCP, without options.
constexpr std::uint32_t kIpv6Headers = 60;
constexpr std::uint32_t kStampBytes = 12;  // RFC 7323 section 3.2, with two of padding.
constexpr std::string_view kFieldsText = "ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass";

struct KindName {
  std::string_view name;
  std::uint8_t kind;
};
constexpr std::array kKinds{
    KindName{"nop", OptionLayout::kNop},   KindName{"mss", OptionLayout::kMss},
    KindName{"ws", OptionLayout::kScale},  KindName{"sok", OptionLayout::kSackPermitted},
    KindName{"sack", OptionLayout::kSack}, KindName{"ts", OptionLayout::kTimestamps}};

struct WindowPrefix {
  std::string_view prefix;
  WindowRule rule;
};
constexpr std::array kWindowRules{
    WindowPrefix{"%", WindowRule::MultipleOf}, WindowPrefix{"mss*", WindowRule::TimesMss},
    WindowPrefix{"mtu*", WindowRule::TimesPacket}, WindowPrefix{"seg*", WindowRule::TimesSegment},
    WindowPrefix{"seg<", WindowRule::SegmentsIn}};

template <typename Number>
std::optional<Number> number(std::string_view text) noexcept {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

Failure bad(std::string_view field, std::string_view value, std::string_view want) {
  return fail(ExitCode::BadInput, fmt::format("{} '{}' is not {}", field, value, want));
}

bool has(std::string_view text, char c) noexcept { return text.find(c) != std::string_view::npos; }

// Takes what stands before the next `separator` off the front of `text`.
std::string_view take(std::string_view& text, char separator) noexcept {
  const std::size_t at = text.find(separator);
  const std::string_view first = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return first;
}

// A number or a star. False when it is neither.
template <typename Number>
bool read_optional(std::string_view text, std::optional<Number>& out) noexcept {
  if (text == "*") return true;
  out = number<Number>(text);
  return out.has_value();
}

bool read_ttl(std::string_view text, Signature& out) noexcept {
  if (text.ends_with('-')) {
    out.is_ttl_telling = false;
    text.remove_suffix(1);
  }
  unsigned hops = 0;
  if (const std::size_t plus = text.find('+'); plus != std::string_view::npos) {
    const auto said = number<std::uint8_t>(text.substr(plus + 1));
    if (!said) return false;
    hops = *said;
    text = text.substr(0, plus);
  }
  const auto ttl = number<std::uint8_t>(text);
  if (!ttl || *ttl == 0 || *ttl + hops > UINT8_MAX) return false;
  out.initial_ttl = static_cast<std::uint8_t>(*ttl + hops);
  return true;
}

bool read_window(std::string_view text, Signature& out) noexcept {
  if (text == "*") return true;
  out.window_rule = WindowRule::Exact;
  for (const auto& [prefix, rule] : kWindowRules) {
    if (!text.starts_with(prefix)) continue;
    out.window_rule = rule;
    text.remove_prefix(prefix.size());
    break;
  }
  const auto value = number<std::uint16_t>(text);
  if (!value || (*value == 0 && out.window_rule != WindowRule::Exact)) return false;
  out.window = *value;
  return true;
}

// nullopt or the name of what is wrong.
std::optional<std::string_view> read_layout(std::string_view text, OptionLayout& out) noexcept {
  for (bool more = !text.empty(); more;) {
    more = has(text, ',');
    const std::string_view name = take(text, ',');
    if (name.starts_with("eol+")) {
      const auto padding = number<std::uint8_t>(name.substr(4));
      if (!padding || *padding >= OptionLayout::kMost || more) return name;
      out.end(*padding);
      continue;
    }
    std::optional<std::uint8_t> kind;
    for (const KindName& known : kKinds) {
      if (known.name == name) kind = known.kind;
    }
    if (name.starts_with('?')) kind = number<std::uint8_t>(name.substr(1));
    if (!kind || *kind == OptionLayout::kEnd || out.kinds().size() == OptionLayout::kMost) {
      return name;
    }
    out.add(*kind);
  }
  return std::nullopt;
}

std::optional<std::string_view> read_quirks(std::string_view text, Quirks& out) noexcept {
  for (bool more = !text.empty(); more;) {
    more = has(text, ',');
    const std::string_view name = take(text, ',');
    const auto quirk = find_quirk(name);
    if (!quirk) return name;
    out.add(*quirk);
  }
  return std::nullopt;
}

std::string print_window(const Signature& signature) {
  if (signature.window_rule == WindowRule::Any) return "*";
  std::string_view before;
  for (const auto& [prefix, rule] : kWindowRules) {
    if (rule == signature.window_rule) before = prefix;
  }
  return fmt::format("{}{}", before, signature.window);
}

template <typename Number>
std::string star_or(const std::optional<Number>& value) {
  return value ? fmt::format("{}", *value) : std::string{"*"};
}

bool fits_window(const Signature& signature, const SynAckFacts& facts) noexcept {
  const std::uint32_t headers = facts.ip_version == 4 ? kIpv4Headers : kIpv6Headers;
  const std::uint32_t stamps = facts.has_stamp ? kStampBytes : 0;
  const std::uint32_t segment = facts.mss > stamps ? facts.mss - stamps : 0;
  switch (signature.window_rule) {
    case WindowRule::Any: return true;
    case WindowRule::Exact: return facts.window == signature.window;
    case WindowRule::MultipleOf: return facts.window % signature.window == 0;
    case WindowRule::TimesMss:
      return facts.mss != 0 && facts.window == std::uint32_t{signature.window} * facts.mss;
    case WindowRule::TimesPacket:
      return facts.mss != 0 && facts.window == signature.window * (facts.mss + headers);
    case WindowRule::TimesSegment:
      return segment != 0 && facts.window == signature.window * segment;
    case WindowRule::SegmentsIn:
      return segment != 0 && facts.window != 0 &&
             facts.window == signature.window - signature.window % segment;
  }
  return false;
}

}  // namespace

Result<Signature> Signature::parse(std::string_view text) {
  std::array<std::string_view, kFields> fields;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    more = has(text, ':');
    const std::string_view field = take(text, ':');
    if (count < kFields) fields[count] = field;
  }
  if (count != kFields) {
    return fail(ExitCode::BadInput, fmt::format("a signature has {} fields, {}; this one has {}",
                                                kFields, kFieldsText, count));
  }
  const auto& [version, ttl, ip_options, mss, sizes, layout, quirks, data] = fields;
  Signature out;
  if (!read_optional(version, out.ip_version) ||
      (out.ip_version && *out.ip_version != 4 && *out.ip_version != 6)) {
    return bad("version", version, "4, 6 or *");
  }
  if (!read_ttl(ttl, out)) return bad("initial TTL", ttl, "1 to 255, as 64, 57+7 or 64-");
  const auto options_size = number<std::uint8_t>(ip_options);
  if (!options_size) return bad("length of IP options", ip_options, "0 to 255");
  out.ip_options_size = *options_size;
  if (!read_optional(mss, out.mss)) return bad("MSS", mss, "0 to 65535 or *");

  std::string_view scale = sizes;
  const std::string_view window = take(scale, ',');
  if (!read_window(window, out))
    return bad("window", window, "a number, *, %N, mss*N, mtu*N, seg*N or seg<N");
  if (!read_optional(scale, out.scale)) return bad("window scale", scale, "0 to 255 or *");
  if (const auto wrong = read_layout(layout, out.layout)) {
    return bad("option", *wrong, "one of nop, mss, ws, sok, sack, ts, ?N and, last, eol+N");
  }
  if (const auto wrong = read_quirks(quirks, out.quirks)) return bad("quirk", *wrong, "known");
  if (data != "0" && data != "+" && data != "*") return bad("payload class", data, "0, + or *");
  if (data != "*") out.has_data = data == "+";
  return out;
}

std::string Signature::print() const {
  std::string names;
  for (std::size_t i = 0; i < kQuirks; ++i) {
    const auto quirk = static_cast<Quirk>(i);
    if (!quirks.has(quirk)) continue;
    if (!names.empty()) names += ',';
    names += to_string(quirk);
  }
  const char data = has_data ? (*has_data ? '+' : '0') : '*';
  return fmt::format("{}:{}{}:{}:{}:{},{}:{}:{}:{}", star_or(ip_version), initial_ttl,
                     is_ttl_telling ? "" : "-", ip_options_size, star_or(mss), print_window(*this),
                     star_or(scale), layout.print(), names, data);
}

std::optional<Fit> Signature::fit(const SynAckFacts& facts) const noexcept {
  if (ip_version && *ip_version != facts.ip_version) return std::nullopt;
  if (ip_options_size != facts.ip_options_size) return std::nullopt;
  if (mss && *mss != facts.mss) return std::nullopt;
  if (scale && *scale != facts.scale) return std::nullopt;
  if (has_data && *has_data != facts.has_data) return std::nullopt;
  if (!fits_window(*this, facts)) return std::nullopt;
  Fit fit;
  fit.is_ttl_right =
      !is_ttl_telling || (facts.ttl <= initial_ttl && initial_ttl - facts.ttl <= kMostHops);
  // DF and the identification are of IPv4 alone; signatures for both versions have them too.
  fit.is_path_right =
      facts.ip_version == 6 || quirks.only(path_quirks()) == facts.quirks.only(path_quirks());
  return fit;
}

}  // namespace trawl::osfp
