#include "control/audit/ports/vendor_table.h"

#include <algorithm>
#include <charconv>

namespace trawl::control {
namespace {

constexpr unsigned kAddressDigits = 12;

bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [](char left, char right) {
           return to_lower(left) == to_lower(right);
         }) != text.end();
}

}  // namespace

void VendorTable::need_table() const {
  std::call_once(once_, [this] { read(); });
}

void VendorTable::read() const {
  if (!text_) text_ = find_data_file("nmap-mac-prefixes", datadir_);
  if (!text_) return;
  DataLines lines{*text_};
  while (lines.next()) {
    const std::string_view digits = lines.word();
    const std::string_view name = lines.tail();
    if (name.empty()) continue;
    const auto length =
        std::find_if(lengths_.begin(), lengths_.end(),
                     [digits](const Length& each) { return each.digits == digits.size(); });
    if (length == lengths_.end()) continue;
    std::uint64_t prefix = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), prefix, 16);
    if (error != std::errc{} || end != digits.data() + digits.size()) continue;
    length->entries.push_back(Entry{.prefix = prefix, .name = name});
  }
  const auto rising = [](const Entry& left, const Entry& right) {
    return left.prefix < right.prefix;
  };
  for (Length& length : lengths_) {
    if (std::is_sorted(length.entries.begin(), length.entries.end(), rising)) continue;
    std::stable_sort(length.entries.begin(), length.entries.end(), rising);
  }
}

std::string_view VendorTable::vendor(const MacAddress& address) const {
  need_table();
  for (const Length& length : lengths_) {
    const std::uint64_t prefix = address.to_integer() >> (4U * (kAddressDigits - length.digits));
    const auto found = std::lower_bound(
        length.entries.begin(), length.entries.end(), prefix,
        [](const Entry& entry, std::uint64_t wanted) { return entry.prefix < wanted; });
    if (found != length.entries.end() && found->prefix == prefix) return found->name;
  }
  return {};
}

std::optional<MacPrefix> VendorTable::first_prefix_of_vendor(std::string_view text) const {
  if (text.empty()) return std::nullopt;
  need_table();
  const auto as_address = [](const MacPrefix& prefix) {
    return prefix.value << (4U * (kAddressDigits - prefix.digits));
  };
  std::optional<MacPrefix> lowest;
  for (const Length& length : lengths_) {
    const auto found =
        std::find_if(length.entries.begin(), length.entries.end(),
                     [text](const Entry& entry) { return contains(entry.name, text); });
    if (found == length.entries.end()) continue;
    const MacPrefix prefix{.value = found->prefix, .digits = length.digits};
    if (!lowest || as_address(prefix) < as_address(*lowest)) lowest = prefix;
  }
  return lowest;
}

}  // namespace trawl::control
