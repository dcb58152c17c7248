#include "control/survey/os_hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

// As it can stand in every output: labels are printable ASCII already.
std::string plain(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string out{text.substr(0, kLongest)};
  std::ranges::replace_if(
      out, [](char c) { return c == '"' || c == '\\'; }, '\'');
  return out;
}

std::uint32_t digest_of_label(const osfp::OsLabel& label, std::size_t number) noexcept {
  std::uint64_t hash = mix64(number);
  for (const std::string_view part :
       {std::string_view{label.family}, std::string_view{label.version}}) {
    for (const char c : part) hash = mix64(hash ^ static_cast<unsigned char>(c));
    hash = mix64(hash + part.size());
  }
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

Result<std::unique_ptr<OsHints>> OsHints::open(const OsHintOptions& options,
                                               dataplane::SynOptions syn) {
  const bool is_ours = options.signatures.empty();
  auto file = is_ours ? osfp::SignatureFile::parse(osfp::builtin_signature_text(), "os-signatures")
                      : osfp::SignatureFile::read(options.signatures);
  if (!file) return Failure{file.error()};
  auto hints = std::make_unique<OsHints>(std::move(*file), syn);
  if (hints->index_.size() > 0) return hints;
  const bool is_bare = syn == dataplane::SynOptions::Mss;
  return fail(ExitCode::BadInput,
              fmt::format("{} has no signature of SYN-ACKs {}; they are in sections {}",
                          options.signatures, is_bare ? "for --tcp-options mss" : "at all",
                          is_bare ? "[tcp:response:mss]" : "[tcp:response]"));
}

OsHints::OsHints(osfp::SignatureFile file, dataplane::SynOptions syn)
    : index_{std::move(file), syn} {
  for (const osfp::OsLabel& label : index_.labels()) {
    const std::size_t number = names_.size();
    names_.push_back({.family = plain(label.family),
                      .version = plain(label.version),
                      .number = static_cast<std::uint16_t>(number),
                      .digest = digest_of_label(label, number)});
  }
  counts_.resize(names_.size());
}

SystemHint OsHints::find(const osfp::SynAckFacts& facts) const noexcept {
  const auto found = index_.find(facts);
  if (!found) return {};
  const auto number = static_cast<std::size_t>(found->label - index_.labels().data());
  return {.name = &names_[number], .confidence = found->confidence, .hops = found->hops};
}

SystemHint OsHints::count(const osfp::SynAckFacts& facts) noexcept {
  const SystemHint hint = find(facts);
  if (hint.name == nullptr) {
    ++unknown_;
  } else {
    ++counts_[static_cast<std::size_t>(hint.name - names_.data())];
  }
  return hint;
}

const SystemName* OsHints::name(std::uint16_t number, std::uint32_t digest) const noexcept {
  const bool is_known = number < names_.size() && names_[number].digest == digest;
  return is_known ? &names_[number] : nullptr;
}

std::vector<FamilyCount> OsHints::families() const {
  std::map<std::string_view, std::uint64_t> sums;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (counts_[i] > 0) sums[names_[i].family] += counts_[i];
  }
  std::vector<FamilyCount> out;
  for (const auto& [family, ports] : sums) out.push_back({std::string{family}, ports});
  std::ranges::stable_sort(out, std::ranges::greater{}, &FamilyCount::ports);
  return out;
}

}  // namespace trawl::control
