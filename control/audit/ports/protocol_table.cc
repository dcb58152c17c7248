#include "control/audit/ports/protocol_table.h"

#include <charconv>

#include "control/audit/ports/port_table_text.h"

namespace trawl::control {

ProtocolTable ProtocolTable::load(const std::string& datadir) {
  if (auto text = find_data_file("nmap-protocols", datadir)) return parse(std::move(text));
  return builtin();
}

ProtocolTable ProtocolTable::parse(SharedText text) {
  ProtocolTable table;
  table.text_ = std::move(text);
  table.read(*table.text_);
  return table;
}

ProtocolTable ProtocolTable::builtin() {
  ProtocolTable table;
  table.read(kProtocolsText);
  return table;
}

void ProtocolTable::read(std::string_view text) {
  DataLines lines{text};
  while (lines.next()) {
    const std::string_view name = lines.word();
    const std::string_view number = lines.word();
    std::uint8_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (name.empty() || error != std::errc{} || end != number.data() + number.size()) continue;
    if (names_[value].empty()) names_[value] = name;
  }
}

std::vector<std::uint16_t> ProtocolTable::matching(std::string_view pattern) const {
  std::vector<std::uint16_t> numbers;
  for (std::size_t number = 0; number < names_.size(); ++number) {
    if (!names_[number].empty() && matches_pattern(names_[number], pattern)) {
      numbers.push_back(static_cast<std::uint16_t>(number));
    }
  }
  return numbers;
}

}  // namespace trawl::control
