#include "nse/engine/output_value.h"

#include <fmt/format.h>

#include <algorithm>

namespace trawl::nse {
namespace {

bool prints(char c) { return c >= 0x20 && c < 0x7f; }

std::string hexadecimal(char c) { return fmt::format("\\x{:02X}", static_cast<unsigned char>(c)); }

void add_table(std::string& text, const OutputValue& table, std::size_t indent) {
  for (const OutputItem& item : table.items) {
    text += '\n';
    text.append(indent, ' ');
    if (item.key) text += *item.key + ": ";
    if (item.value.is_table && !item.value.has_text) {
      add_table(text, item.value, indent + 2);
    } else {
      text += item.value.text;
    }
  }
}

// Attributes and text alike: a newline in an attribute would be read as a blank.
std::string xml_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '&': result += "&amp;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&apos;"; break;
      case '\t': result += "&#x9;"; break;
      case '\n': result += "&#xa;"; break;
      case '\r': result += "&#xd;"; break;
      default: result += prints(c) ? std::string(1, c) : hexadecimal(c);
    }
  }
  return result;
}

void add_items(std::string& xml, const OutputValue& table) {
  for (const OutputItem& item : table.items) {
    const char* const name = item.value.is_table ? "table" : "elem";
    xml += fmt::format("<{}", name);
    if (item.key) xml += fmt::format(" key=\"{}\"", xml_text(*item.key));
    xml += '>';
    if (item.value.is_table) {
      xml += '\n';
      add_items(xml, item.value);
    } else {
      xml += xml_text(item.value.text);
    }
    xml += fmt::format("</{}>\n", name);
  }
}

}  // namespace

std::string table_text(const OutputValue& table) {
  std::string text;
  add_table(text, table, 2);
  return text;
}

std::string script_lines(std::string_view id, std::string_view text) {
  if (text.empty()) return fmt::format("Bug in {}: no string output.\n", id);
  std::string escaped = fmt::format("{}: ", id);
  for (const char c : text) {
    escaped += prints(c) || c == '\t' || c == '\n' ? std::string(1, c) : hexadecimal(c);
  }
  if (escaped.ends_with('\n')) escaped.pop_back();
  std::string lines;
  for (std::size_t begin = 0; begin <= escaped.size();) {
    const std::size_t end = std::min(escaped.find('\n', begin), escaped.size());
    lines += end == escaped.size() ? "|_" : "| ";
    lines.append(escaped, begin, end - begin);
    lines += '\n';
    begin = end + 1;
  }
  return lines;
}

std::string script_xml(std::string_view id, const ScriptOutput& output) {
  std::string xml =
      fmt::format("<script id=\"{}\" output=\"{}\"", xml_text(id), xml_text(output.text));
  if (!output.structure) return xml + "/>";
  xml += '>';
  if (output.structure->is_table) {
    // The first element stands behind the tag.
    add_items(xml, *output.structure);
  } else {
    xml += xml_text(output.structure->text);
  }
  return xml + "</script>";
}

}  // namespace trawl::nse
