#include "control/survey/octet_ranges.h"

#include <fmt/format.h>

#include <charconv>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr unsigned kHighestOctet = 255;

// An octet at the start of `text`, taken off; `missing` when there is none. Returns the fault.
std::optional<std::string> take_octet(std::string_view& text, unsigned missing, unsigned& value) {
  std::size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  value = missing;
  if (digits.empty()) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0') {
    return fmt::format(
        "has an octet with a leading zero, {}; leave the zero out, it reads as octal",
        quote(digits));
  }
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || value > kHighestOctet) {
    return fmt::format("has an octet over 255, {}", quote(digits));
  }
  return std::nullopt;
}

// One choice, "5", "5-9", "5-", "-5", "-" or "*", taken off the start of `text`.
std::optional<std::string> take_choice(std::string_view& text, std::bitset<256>& octet) {
  const std::string_view whole = text;
  unsigned first = 0;
  unsigned last = kHighestOctet;
  if (text.starts_with('*')) {
    text.remove_prefix(1);
  } else {
    const bool has_first = !text.empty() && text[0] != '-';
    if (auto fault = take_octet(text, 0, first)) return fault;
    if (has_first && text.size() == whole.size()) return "is not an address";
    last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      if (auto fault = take_octet(text, kHighestOctet, last)) return fault;
    }
  }
  if (first > last) {
    return fmt::format("has an octet range that runs backwards, {}; write the lower number first",
                       quote(whole.substr(0, whole.size() - text.size())));
  }
  for (unsigned value = first; value <= last; ++value) octet.set(value);
  return std::nullopt;
}

// Whether what follows the comma at the start of `text` is one more choice for a last octet.
bool goes_on(std::string_view text) {
  const std::string_view piece = text.substr(1, text.find(',', 1) - 1);
  return !piece.empty() && piece.find_first_not_of("0123456789-*") == std::string_view::npos;
}

}  // namespace

std::optional<std::string> OctetRanges::parse(std::string_view text, std::size_t& used) {
  const std::string_view whole = text;
  const auto end_of_piece = [&] {
    const std::size_t comma = whole.find(',', whole.size() - text.size());
    return comma == std::string_view::npos ? whole.size() : comma;
  };
  for (std::size_t at = 0;;) {
    if (auto fault = take_choice(text, octets_[at])) {
      used = end_of_piece();
      return fault;
    }
    const bool last_octet = at + 1 == octets_.size();
    if (text.starts_with(',') && (!last_octet || goes_on(text))) {
      text.remove_prefix(1);
    } else if (text.starts_with('.') && !last_octet) {
      text.remove_prefix(1);
      ++at;
    } else {
      used = end_of_piece();
      if (!last_octet && text.empty()) return "has fewer than four octets";
      if (text.starts_with('.')) return "has more than four octets";
      if (!text.empty() && text[0] != ',') return "is not an address";
      used = whole.size() - text.size();
      return std::nullopt;
    }
  }
}

std::size_t OctetRanges::significant() const {
  std::size_t count = octets_.size();
  while (count > 0 && octets_[count - 1].all()) --count;
  return count;
}

std::size_t OctetRanges::range_count() const {
  const std::size_t count = significant();
  if (count == 0) return 1;
  std::size_t ranges = 0;
  const Octet& last = octets_[count - 1];
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (last[i] && (i == 0 || !last[i - 1])) ++ranges;
  }
  for (std::size_t i = 0; i + 1 < count; ++i) ranges *= octets_[i].count();
  return ranges;
}

void OctetRanges::add_to(Ipv4Set& set) const {
  if (significant() == 0) {
    set.add(Ipv4Prefix{Ipv4Address{0}, 0});
  } else {
    add_from(0, 0, set);
  }
}

void OctetRanges::add_from(std::size_t octet, std::uint32_t prefix, Ipv4Set& set) const {
  const auto shift = static_cast<unsigned>(8 * (octets_.size() - 1 - octet));
  const Octet& choices = octets_[octet];
  const bool last = octet + 1 == significant();
  for (std::uint32_t value = 0; value < choices.size(); ++value) {
    if (!choices[value]) continue;
    const std::uint32_t first = prefix | value << shift;
    if (!last) {
      add_from(octet + 1, first, set);
      continue;
    }
    while (value + 1 < choices.size() && choices[value + 1]) ++value;
    const std::uint32_t host_bits = (std::uint32_t{1} << shift) - 1;
    set.add(Ipv4Set::Range{Ipv4Address{first}, Ipv4Address{prefix | value << shift | host_bits}});
  }
}

}  // namespace trawl::control
