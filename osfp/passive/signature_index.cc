#include "osfp/passive/signature_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "base/hash.h"

namespace trawl::osfp {
namespace {

// What a signature that suits in all is worth, and what is taken off.
constexpr unsigned kSpecific = 95;
constexpr unsigned kGeneric = 80;
constexpr unsigned kAnyWindow = 15;
constexpr unsigned kMultipleWindow = 8;
constexpr unsigned kAnyScale = 5;
constexpr unsigned kOtherTtl = 35;
constexpr unsigned kOtherPath = 15;
// Where a signature of another family suits as well, half is taken off; the less well it suits, the
// less, and nothing when it is worth this much less.
constexpr unsigned kClearLead = 25;

unsigned best_score(const Signature& signature, const OsLabel& label) noexcept {
  unsigned score = label.is_generic ? kGeneric : kSpecific;
  if (signature.window_rule == WindowRule::Any) score -= kAnyWindow;
  if (signature.window_rule == WindowRule::MultipleOf) score -= kMultipleWindow;
  if (!signature.scale) score -= kAnyScale;
  return score;
}

unsigned less_doubts(unsigned score, Fit fit) noexcept {
  if (!fit.is_ttl_right) score -= kOtherTtl;
  if (!fit.is_path_right) score -= kOtherPath;
  return score;
}

unsigned less_rival(unsigned score, unsigned rival) noexcept {
  const unsigned lead = score - rival;
  if (rival == 0 || lead >= kClearLead) return score;
  return score - score * (kClearLead - lead) / (2 * kClearLead);
}

// What a packet of this version cannot have, though a signature of any version names it.
constexpr Quirks ignored_quirks(std::uint8_t ip_version) noexcept {
  Quirks quirks = path_quirks();
  if (ip_version == 4) quirks.add(Quirk::FlowLabel);
  return quirks;
}

}  // namespace

std::uint64_t SignatureIndex::Key::hash() const noexcept {
  return mix64(layout.hash() ^ (std::uint64_t{quirks} << 8U) ^ ip_version);
}

SignatureIndex::Key SignatureIndex::key_of(const OptionLayout& layout, Quirks quirks,
                                           std::uint8_t ip_version) noexcept {
  return {layout, quirks.without(ignored_quirks(ip_version)).bits(), ip_version};
}

std::vector<std::uint32_t> SignatureIndex::number_families() const {
  std::map<std::string, std::uint32_t> numbers;
  std::vector<std::uint32_t> out;
  for (const OsLabel& label : file_.labels) {
    const auto next = static_cast<std::uint32_t>(numbers.size());
    out.push_back(numbers.try_emplace(label.family, next).first->second);
  }
  return out;
}

SignatureIndex::SignatureIndex(SignatureFile file, dataplane::SynOptions syn)
    : file_{std::move(file)} {
  std::erase_if(file_.entries,
                [syn](const SignatureFile::Entry& entry) { return entry.syn != syn; });
  constexpr std::array<std::uint8_t, 2> kVersions{4, 6};
  const std::vector<std::uint32_t> families = number_families();
  // By hash, then from the best score down, then as they stand in the file.
  std::vector<std::pair<Key, Candidate>> all;
  for (std::size_t i = 0; i < file_.entries.size(); ++i) {
    const auto& [signature, label, line, answers] = file_.entries[i];
    const unsigned score = best_score(signature, file_.labels[label]);
    for (const std::uint8_t version : kVersions) {
      if (signature.ip_version.value_or(version) != version) continue;
      all.emplace_back(key_of(signature.layout, signature.quirks, version),
                       Candidate{.entry = static_cast<std::uint32_t>(i),
                                 .family = families[label],
                                 .best_score = static_cast<std::uint8_t>(score)});
    }
  }
  const auto rank = [](const std::pair<Key, Candidate>& item) {
    const auto& [key, candidate] = item;
    // Keys whose hashes are equal must not mix.
    return std::tuple{key.hash(),     key.layout.print(),          key.quirks,
                      key.ip_version, 100U - candidate.best_score, candidate.entry};
  };
  std::ranges::sort(all, {}, rank);

  buckets_.resize(std::bit_ceil(2 * all.size() + 1));
  for (std::size_t first = 0; first < all.size();) {
    const Key& key = all[first].first;
    std::size_t end = first;
    while (end < all.size() && all[end].first == key) candidates_.push_back(all[end++].second);
    std::size_t at = key.hash() & (buckets_.size() - 1);
    while (buckets_[at].count != 0) at = (at + 1) & (buckets_.size() - 1);
    buckets_[at] = {.hash = key.hash(),
                    .key = static_cast<std::uint32_t>(keys_.size()),
                    .first = static_cast<std::uint32_t>(first),
                    .count = static_cast<std::uint32_t>(end - first)};
    keys_.push_back(key);
    first = end;
  }
}

const SignatureIndex::Bucket* SignatureIndex::find_bucket(const Key& key) const noexcept {
  const std::uint64_t hash = key.hash();
  for (std::size_t at = hash & (buckets_.size() - 1); buckets_[at].count != 0;
       at = (at + 1) & (buckets_.size() - 1)) {
    if (buckets_[at].hash == hash && keys_[buckets_[at].key] == key) return &buckets_[at];
  }
  return nullptr;
}

std::optional<OsHint> SignatureIndex::find(const SynAckFacts& facts) const noexcept {
  const Bucket* const bucket = find_bucket(key_of(facts.layout, facts.quirks, facts.ip_version));
  if (bucket == nullptr) return std::nullopt;
  const Candidate* best = nullptr;
  unsigned score = 0;
  unsigned rival = 0;  // The best score of another family.
  for (const Candidate& candidate : std::span{candidates_}.subspan(bucket->first, bucket->count)) {
    // None that follows can change anything.
    if (best != nullptr && candidate.best_score + kClearLead <= score) break;
    const auto fit = file_.entries[candidate.entry].signature.fit(facts);
    if (!fit) continue;
    const unsigned own = less_doubts(candidate.best_score, *fit);
    if (best == nullptr || own > score) {
      if (best != nullptr && best->family != candidate.family) rival = score;
      best = &candidate;
      score = own;
    } else if (candidate.family != best->family) {
      rival = std::max(rival, own);
    }
  }
  if (best == nullptr) return std::nullopt;

  const auto& [signature, label, line, syn] = file_.entries[best->entry];
  OsHint hint;
  hint.label = &file_.labels[label];
  hint.confidence = static_cast<std::uint8_t>(less_rival(score, rival));
  if (signature.is_ttl_telling && signature.initial_ttl >= facts.ttl) {
    hint.hops = static_cast<std::uint8_t>(signature.initial_ttl - facts.ttl);
  }
  return hint;
}

const SignatureIndex& builtin_signatures() {
  static const SignatureIndex index{
      SignatureFile::parse(builtin_signature_text(), "data/os-signatures").value()};
  return index;
}

}  // namespace trawl::osfp
