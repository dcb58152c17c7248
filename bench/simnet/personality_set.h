#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "bench/simnet/personality.h"
#include "osfp/database/os_database.h"

namespace trawl::simnet {

// Which operating systems the hosts have.
struct PersonalityOptions {
  static constexpr std::uint8_t kMostHops = 30;

  std::string file;   // In the format of nmap-os-db; none when empty.
  std::string entry;  // The name or the line of one; drawn for each host when empty.
  std::string hosts;  // A file of "ADDRESS LINE"; other hosts then have no personality.
  std::uint8_t hops = 0;

  [[nodiscard]] bool is_on() const noexcept { return !file.empty(); }
};

// Reads "FILE", "FILE:random" or "FILE:ENTRY".
[[nodiscard]] Result<void> set_personality(PersonalityOptions& options, std::string_view text);

// The host that a line of a hosts file gives, and the line of its entry.
struct ListedPersonality {
  Ipv4Address address;
  std::size_t line = 0;
};
// Fails with BadInput, naming `file` and the line.
[[nodiscard]] Result<std::vector<ListedPersonality>> parse_personality_hosts(
    std::string_view text, const std::string& file);

// The personalities of simulated hosts, made ahead of time: what a host is depends on the seed and
// its address alone.
//
// Thread: immutable once made. Cost: of making, a tenth of a millisecond and a kilobyte each.
class PersonalitySet {
 public:
  // Where more addresses than this are simulated, some hosts have the same one.
  static constexpr std::size_t kMostDrawn = std::size_t{1} << 14U;

  // Fails with BadInput when a file cannot be used, and with Usage when there is no such entry.
  [[nodiscard]] static Result<PersonalitySet> make(const PersonalityOptions& options);

  // Makes those of the hosts in a hosts file.
  [[nodiscard]] Result<void> add_listed(std::uint64_t seed);
  // Makes one for each of `addresses`, by their numbers, or kMostDrawn when there are more.
  void add_drawn(std::uint64_t seed, std::size_t addresses);
  [[nodiscard]] bool has_list() const noexcept { return has_list_; }
  [[nodiscard]] std::span<const ListedPersonality> listed() const noexcept { return listed_; }

  // nullptr for hosts that have none. `number` is that of the address.
  [[nodiscard]] const Personality* find(Ipv4Address address, std::size_t number) const noexcept;

 private:
  PersonalitySet() = default;
  [[nodiscard]] Personality draw(const osfp::OsEntry& entry, std::uint64_t draw) const;
  [[nodiscard]] Result<void> choose(const std::string& entry);

  std::unique_ptr<const osfp::OsDatabase> database_;  // Personalities point into it.
  const osfp::OsEntry* chosen_ = nullptr;
  std::uint8_t hops_ = 0;
  bool has_list_ = false;
  std::vector<ListedPersonality> listed_;  // Sorted by address.
  std::vector<Personality> all_;           // By place in the list, or by number.
};

}  // namespace trawl::simnet
