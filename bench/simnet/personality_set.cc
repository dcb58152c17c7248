#include "bench/simnet/personality_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "bench/simnet/option_values.h"
#include "bench/simnet/options.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kSalt = 0xb0b;

std::uint64_t draw_of(std::uint64_t seed, std::uint64_t number) noexcept {
  return mix64(mix64(seed ^ (kSalt << 32U)) + number);
}

}  // namespace

Result<void> set_personality(PersonalityOptions& options, std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view file = text.substr(0, colon);
  if (file.empty()) return bad(fmt::format("'{}' names no file of OS fingerprints", shown(text)));
  options.file = file;
  options.entry = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (options.entry == "random") options.entry.clear();
  return {};
}

Result<std::vector<ListedPersonality>> parse_personality_hosts(std::string_view text,
                                                               const std::string& file) {
  std::vector<ListedPersonality> listed;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, std::min(end, text.find('#'))));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const auto pair = split_pair(line, ' ');
    const auto address = pair ? Ipv4Address::parse(trim(pair->key)) : std::nullopt;
    const auto entry = pair ? parse_number<std::size_t>(trim(pair->value)) : std::nullopt;
    if (!address || !entry) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}:{}: '{}' is not an address and the line of an entry", file,
                              number, shown(line)));
    }
    listed.push_back({*address, *entry});
  }
  std::sort(listed.begin(), listed.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  const auto twice =
      std::adjacent_find(listed.begin(), listed.end(),
                         [](const auto& a, const auto& b) { return a.address == b.address; });
  if (twice == listed.end()) return listed;
  return fail(ExitCode::BadInput,
              fmt::format("{}: {} is there twice", file, twice->address.to_string()));
}

Result<PersonalitySet> PersonalitySet::make(const PersonalityOptions& options) {
  auto database = osfp::read_os_database(options.file);
  if (!database) return tl::unexpected{database.error()};
  PersonalitySet set;
  set.database_ = std::make_unique<const osfp::OsDatabase>(std::move(*database));
  set.hops_ = options.hops;
  if (!options.entry.empty()) {
    if (auto chosen = set.choose(options.entry); !chosen) return tl::unexpected{chosen.error()};
  }
  if (options.hosts.empty()) return set;
  const auto text = read_config_file(options.hosts);
  if (!text) return tl::unexpected{text.error()};
  auto listed = parse_personality_hosts(*text, options.hosts);
  if (!listed) return tl::unexpected{listed.error()};
  set.has_list_ = true;
  set.listed_ = std::move(*listed);
  return set;
}

Result<void> PersonalitySet::choose(const std::string& entry) {
  const auto line = parse_number<std::size_t>(entry);
  const auto& entries = database_->entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const osfp::OsEntry& one) {
    return line ? one.line == *line : one.name == entry;
  });
  if (found == entries.end()) {
    return bad(fmt::format("{} has no OS entry of this {}: '{}'", database_->path,
                           line ? "line" : "name", shown(entry)));
  }
  chosen_ = &*found;
  return {};
}

Personality PersonalitySet::draw(const osfp::OsEntry& entry, std::uint64_t draw) const {
  Personality made = make_personality(draw_values(*database_, entry, draw), hops_, draw);
  made.entry = &entry;
  return made;
}

Result<void> PersonalitySet::add_listed(std::uint64_t seed) {
  all_.reserve(listed_.size());
  const auto& entries = database_->entries;  // By rising line.
  for (const ListedPersonality& one : listed_) {
    const auto found = std::lower_bound(
        entries.begin(), entries.end(), one.line,
        [](const osfp::OsEntry& entry, std::size_t line) { return entry.line < line; });
    if (found == entries.end() || found->line != one.line) {
      return bad(fmt::format("{} has no OS entry in line {}, which {} asks for", database_->path,
                             one.line, one.address.to_string()));
    }
    all_.push_back(draw(*found, draw_of(seed, one.address.value())));
  }
  return {};
}

void PersonalitySet::add_drawn(std::uint64_t seed, std::size_t addresses) {
  const auto& entries = database_->entries;
  const std::size_t count = std::min(addresses, kMostDrawn);
  all_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t drawn = draw_of(seed, i);
    all_.push_back(draw(chosen_ != nullptr ? *chosen_ : entries[drawn % entries.size()], drawn));
  }
}

const Personality* PersonalitySet::find(Ipv4Address address, std::size_t number) const noexcept {
  if (all_.empty()) return nullptr;
  if (!has_list_) return &all_[number % all_.size()];
  const auto found =
      std::lower_bound(listed_.begin(), listed_.end(), address,
                       [](const auto& one, Ipv4Address a) { return one.address < a; });
  if (found == listed_.end() || found->address != address) return nullptr;
  return &all_[static_cast<std::size_t>(found - listed_.begin())];
}

}  // namespace trawl::simnet
