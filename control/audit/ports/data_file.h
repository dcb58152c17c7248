#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::control {

// A table's text that outlives the views into it, also when the table is moved or copied.
using SharedText = std::shared_ptr<const std::string>;

// Where Nmap's data files are looked for: `datadir` ("" for none), $NMAPDIR, ~/.nmap and the
// folders that Nmap's packages install them to (Nmap book, "Customizing Nmap").
[[nodiscard]] std::vector<std::string> data_folders(const std::string& datadir);

// The whole of a regular file; nullptr with errno set if it cannot be read or is over 64 MiB.
[[nodiscard]] SharedText read_whole_file(const std::string& path);

// The first file of that name in data_folders() that can be read, or nullptr.
[[nodiscard]] SharedText find_data_file(std::string_view name, const std::string& datadir);

// Takes a table apart a line at a time; what is behind '#' is not part of a line.
class DataLines {
 public:
  explicit DataLines(std::string_view text) noexcept : rest_{text} {}

  // Goes to the next line; false at the end.
  bool next() noexcept;
  // The next word of the line, "" if there is none left. A word has no blank and no '#'.
  [[nodiscard]] std::string_view word() noexcept;
  // What is left of the line, without the blanks around it, '#' like any other character.
  [[nodiscard]] std::string_view tail() const noexcept;

 private:
  std::string_view rest_;
  std::string_view line_;
};

// Whether `text` is what `pattern` means, '*' being any characters and '?' being one; the case of
// letters makes no difference. Cost: at most the product of both lengths.
[[nodiscard]] bool matches_pattern(std::string_view text, std::string_view pattern) noexcept;

[[nodiscard]] constexpr char to_lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// Blanks as isspace(3) has them in the C locale.
[[nodiscard]] constexpr bool is_blank(char letter) noexcept {
  return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

}  // namespace trawl::control
