#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::nse {

struct OutputItem;

// What a script found, as data: a text, or a table of values with and without keys.
struct OutputValue {
  bool is_table = false;
  std::string text{};  // Of a table: what it says of itself (__tostring), where it does.
  bool has_text = true;
  std::vector<OutputItem> items;  // Those without keys first.
};

struct OutputItem {
  std::optional<std::string> key{};
  OutputValue value{};
};

// What a script's action gave. Bytes are as the script gave them; what writes a report escapes.
struct ScriptOutput {
  std::string text;  // Empty: the script is at fault, and a report says so.
  std::optional<OutputValue> structure{};
};

// The text of a table as a report shows it: a line for each value, below a first one that is empty,
// each level two columns further in. Empty for a table without items.
[[nodiscard]] std::string table_text(const OutputValue& table);

// The lines below a port or heading, each with its newline: "|_http-title: Welcome", or "| id: ..."
// and so on down to "|_...". Bytes that do not print are \xHH. "Bug in ID: no string output." where
// there is no text.
[[nodiscard]] std::string script_lines(std::string_view id, std::string_view text);

// <script id="..." output="...">, with <elem> and <table> for the structure.
[[nodiscard]] std::string script_xml(std::string_view id, const ScriptOutput& output);

}  // namespace trawl::nse
