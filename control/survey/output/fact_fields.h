#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/machines_fact.h"
#include "base/network_fact.h"
#include "base/service_fact.h"
#include "control/survey/output/output_format.h"

namespace trawl::control {

// The longest record of a fact in any format, in bytes, once limited() was applied.
inline constexpr std::size_t kLongestFactRecord = std::size_t{448} * 1024;

// The fact with nothing in it longer than records have room for: of a banner
// 60,000 bytes, of a fingerprint 8192, of other texts 256, of CPEs eight, of systems ten. `is_cut`
// tells of a shorter banner.
[[nodiscard]] ServiceFact limited(const ServiceFact& fact);

// Appends bytes as a JSON string with its quotes, in ASCII: each byte is the character of its
// value, U+0000 to U+00FF, so that no byte is lost and none is a control character on a terminal.
void append_json_bytes(std::string& out, std::string_view bytes);

// Bytes outside printable ASCII, and the backslash, as "\xNN" and "\\": any byte can be read back.
[[nodiscard]] std::string escaped(std::string_view bytes);

// The record of a network, as a line of JSON.
[[nodiscard]] std::string json_record(const NetworkFact& fact);
// Likewise that of the machines behind an address.
[[nodiscard]] std::string json_record(const MachinesFact& fact);

// What a fact says of a field, as a JSON value; "" where it says nothing.
[[nodiscard]] std::string json_value(ResultField field, const ServiceFact& fact);
// The same as a value of a CSV file, in quotes where RFC 4180 wants them.
[[nodiscard]] std::string csv_value(ResultField field, const ServiceFact& fact);

}  // namespace trawl::control
