#include "osfp/passive/signature_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <utility>

namespace trawl::osfp {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// "s:unix:Linux:6.x"; nullopt when it is none.
std::optional<OsLabel> read_label(std::string_view text) {
  constexpr std::size_t kParts = 4;
  constexpr std::size_t kLongest = 64;
  std::array<std::string_view, kParts> parts;
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::size_t colon = i + 1 < kParts ? text.find(':') : text.size();
    if (colon == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, colon);
    text.remove_prefix(std::min(text.size(), colon + 1));
  }
  const auto& [kind, os_class, family, version] = parts;
  if (kind != "s" && kind != "g") return std::nullopt;
  if (os_class.empty() || family.empty()) return std::nullopt;
  const auto is_plain = [](std::string_view part) {
    return part.size() <= kLongest &&
           std::ranges::all_of(part, [](char c) { return c >= 0x20 && c < 0x7f; });
  };
  if (!std::ranges::all_of(parts, is_plain)) return std::nullopt;
  return OsLabel{.is_generic = kind == "g",
                 .os_class = std::string{os_class},
                 .family = std::string{family},
                 .version = std::string{version}};
}

class Reader {
 public:
  // What is wrong with the line; empty when nothing is.
  std::string take(std::string_view line, std::size_t number) {
    line = trim(line);
    if (line.empty() || line.front() == ';') return {};
    if (line.front() == '[') return section(line);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return "is neither a section in brackets, a line 'name = value' nor a comment after ';'";
    }
    const std::string_view name = trim(line.substr(0, equals));
    const std::string_view value = trim(line.substr(equals + 1));
    if (!is_response_) return {};
    if (name == "label") return label(value);
    if (name == "sig") return signature(value, number);
    // Systems that a program runs on, and lists for other sections.
    if (name == "sys" || name == "classes" || name == "ua_os") return {};
    return fmt::format("'{}' is not known here; a section of SYN-ACKs has label, sys and sig",
                       name);
  }
  SignatureFile file;

 private:
  std::string section(std::string_view line) {
    if (!line.ends_with(']')) return "the bracket of the section is not closed";
    const bool is_mss = line == "[tcp:response:mss]";
    is_response_ = is_mss || line == "[tcp:response]";
    syn_ = is_mss ? dataplane::SynOptions::Mss : dataplane::SynOptions::Linux;
    has_label_ = false;
    return {};
  }
  std::string label(std::string_view value) {
    auto read = read_label(value);
    if (!read) {
      return fmt::format(
          "label '{}' is not of the form s:CLASS:NAME:VERSION, or g: for a generic one", value);
    }
    file.labels.push_back(std::move(*read));
    has_label_ = true;
    return {};
  }
  std::string signature(std::string_view value, std::size_t number) {
    if (!has_label_) return "a label must come before the signatures of a section";
    if (file.entries.size() == SignatureFile::kMostSignatures) return "there are too many";
    auto read = Signature::parse(value);
    if (!read) return std::move(read.error().message);
    file.entries.push_back({*read, file.labels.size() - 1, number, syn_});
    return {};
  }

  bool is_response_ = false;
  bool has_label_ = false;
  dataplane::SynOptions syn_ = dataplane::SynOptions::Linux;
};

}  // namespace

Result<SignatureFile> SignatureFile::parse(std::string_view text, std::string_view name) {
  Reader reader;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string problem = reader.take(line, number);
    if (!problem.empty()) {
      return fail(ExitCode::BadInput, fmt::format("{}:{}: {}", name, number, problem));
    }
  }
  return std::move(reader.file);
}

Result<SignatureFile> SignatureFile::read(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text;
  if (file) {
    text.resize(kMostBytes + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  }
  if (!file.is_open() || file.bad()) {
    return fail(ExitCode::BadInput, fmt::format("cannot read the signature file {}", path));
  }
  if (text.size() > kMostBytes) {
    return fail(ExitCode::BadInput, fmt::format("{} is over 16 MiB and no signature file", path));
  }
  return parse(text, path);
}

}  // namespace trawl::osfp
