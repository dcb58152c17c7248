#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/machines_fact.h"
#include "base/network_fact.h"
#include "base/result.h"
#include "base/service_fact.h"
#include "base/verdict.h"

namespace trawl::control {

// Which verdicts and facts are written, as an expression:
//
//   state = open && (port = 80 || port = 443) && !(ttl > 200) && ip in 198.18.0.0/15
//
// Numbers (port, ttl, rtt_us, attempt, success, repeat, cooldown) know = != < <= > >=; words
// (state, reason, proto, classification, type) and addresses (ip, from) = and !=, addresses also
// "in" a prefix.
// == is =, and zmap's saddr and sport are ip and port. && binds before ||. An unknown rtt_us is in
// no range, so only != holds of it; nor has a fact, which is of type "service" where verdicts are
// of type "verdict", anything of a reply: its state is open.
//
// Compiled to one range test a comparison, each with the place to go on when it holds and when it
// does not. Those places lie always behind, so evaluation ends after as many steps as there are
// comparisons at most.
//
// Thread: immutable once made. Cost: a few nanoseconds a comparison that is reached.
class OutputFilter {
 public:
  static constexpr std::size_t kLongestText = 4096;
  static constexpr std::size_t kMostComparisons = 256;
  static constexpr unsigned kDeepest = 64;  // Parentheses and ! within each other.

  // Accepts everything.
  OutputFilter() = default;
  // Fails with Usage, naming `option` and the character: unknown fields and words (the nearest is
  // suggested), values a field cannot have, bad syntax, and more than the bounds above.
  [[nodiscard]] static Result<OutputFilter> parse(std::string_view text, std::string_view option);

  [[nodiscard]] bool accepts(const Verdict& verdict) const noexcept;
  [[nodiscard]] bool accepts(const ServiceFact& fact) const noexcept;
  // By its type, and its first address.
  [[nodiscard]] bool accepts(const NetworkFact& fact) const noexcept;
  // By its type and its address.
  [[nodiscard]] bool accepts(const MachinesFact& fact) const noexcept;

 private:
  friend class FilterCompiler;

  static constexpr std::array<std::string_view, 4> kTypes{"verdict", "service", "network",
                                                          "machines"};
  static constexpr std::uint32_t kTypeVerdict = 0;  // Of kTypes.
  static constexpr std::uint32_t kTypeService = 1;
  static constexpr std::uint32_t kTypeNetwork = 2;
  static constexpr std::uint32_t kTypeMachines = 3;

  using Place = std::uint16_t;  // 0 rejects, 1 accepts, n + 2 is tests_[n].
  static constexpr Place kReject = 0;
  static constexpr Place kAccept = 1;
  static constexpr Place kFirstTest = 2;

  enum class Field : std::uint8_t {
    Ip,
    From,
    Port,
    Ttl,
    RttUs,
    Attempt,
    Success,
    Repeat,
    Cooldown,
    State,
    Reason,
    Protocol,
    Classification,
    Type
  };
  struct Test {
    std::uint32_t low;  // low > high holds of nothing.
    std::uint32_t high;
    IpAddress first;  // Of addresses, in place of low and high.
    IpAddress last;
    Place yes;
    Place no;
    Field field;
  };

  [[nodiscard]] static bool holds(const Test& test, const Verdict& verdict) noexcept;
  [[nodiscard]] static bool holds(const Test& test, const ServiceFact& fact) noexcept;
  [[nodiscard]] static bool holds(const Test& test, const NetworkFact& fact) noexcept;
  [[nodiscard]] static bool holds(const Test& test, const MachinesFact& fact) noexcept;
  template <typename Record>
  [[nodiscard]] bool evaluate(const Record& record) const noexcept;

  std::vector<Test> tests_;
  Place start_ = kAccept;
};

}  // namespace trawl::control
