#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "osfp/passive/signature_file.h"

namespace trawl::osfp {

// Which system a SYN-ACK seems to come from.
struct OsHint {
  const OsLabel* label = nullptr;  // Lives as long as the index.
  // 0 to 100: how exactly the packet suits the signature, less for a signature that leaves the
  // window open, a generic one, or where one of another family suits as well. An order of hints,
  // not a probability.
  std::uint8_t confidence = 0;
  std::uint8_t hops = 0;  // From the initial TTL of the signature; 0 when that says nothing.
};

// Finds the signature of a SYN-ACK by the layout of its options and its quirks, which are hashed;
// only those that share both are then looked at one by one.
//
// A packet whose TTL, or whose DF and identification, are not as the signature says still suits it,
// with less confidence: both are settings, and change on the way.
//
// Thread: immutable once made. Cost: one hash and a comparison for each signature of the layout;
// allocates nothing; timed by bench/osfp.
class SignatureIndex {
 public:
  // Of what answers such a SYN; the other signatures of the file are left out.
  explicit SignatureIndex(SignatureFile file,
                          dataplane::SynOptions syn = dataplane::SynOptions::Linux);

  // nullopt when no signature suits.
  [[nodiscard]] std::optional<OsHint> find(const SynAckFacts& facts) const noexcept;
  [[nodiscard]] const std::vector<OsLabel>& labels() const noexcept { return file_.labels; }
  [[nodiscard]] std::size_t size() const noexcept { return file_.entries.size(); }

 private:
  struct Key {
    OptionLayout layout;
    std::uint32_t quirks = 0;  // Those that no path changes.
    std::uint8_t ip_version = 4;

    [[nodiscard]] std::uint64_t hash() const noexcept;
    friend bool operator==(const Key&, const Key&) noexcept = default;
  };
  struct Bucket {
    std::uint64_t hash = 0;
    std::uint32_t key = 0;  // In keys_.
    std::uint32_t first = 0;
    std::uint32_t count = 0;  // 0 for an empty place.
  };
  struct Candidate {
    std::uint32_t entry = 0;
    std::uint32_t family = 0;     // Equal for labels of one family.
    std::uint8_t best_score = 0;  // Of a packet that suits it in all.
  };

  [[nodiscard]] static Key key_of(const OptionLayout& layout, Quirks quirks,
                                  std::uint8_t ip_version) noexcept;
  [[nodiscard]] const Bucket* find_bucket(const Key& key) const noexcept;
  [[nodiscard]] std::vector<std::uint32_t> number_families() const;

  SignatureFile file_;
  std::vector<Key> keys_;
  std::vector<Candidate> candidates_;  // Those of one key together, best scores first.
  std::vector<Bucket> buckets_;        // A power of two, at most half of them in use.
};

// Of data/os-signatures, for SYNs with all options.
[[nodiscard]] const SignatureIndex& builtin_signatures();

}  // namespace trawl::osfp
