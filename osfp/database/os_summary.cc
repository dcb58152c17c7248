#include "osfp/database/os_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace trawl::osfp {
namespace {

constexpr std::size_t kMostGuessedClasses = 10;

bool is_same(const OsClass& a, const OsClass& b) {
  return a.vendor == b.vendor && a.family == b.family && a.generation == b.generation &&
         a.type == b.type;
}

// A vendor's systems of one family, which share a part of the Running line.
struct Family {
  const OsClass* first = nullptr;
  OsScore score;  // Of the first, so the best.
  std::vector<std::string_view> generations;
};

void add_once(std::vector<std::string_view>& list, std::string_view item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

std::vector<Family> group(const std::vector<OsClassMatch>& classes) {
  std::vector<Family> families;
  for (const OsClassMatch& match : classes) {
    const OsClass& one = *match.os_class;
    auto at = std::find_if(families.begin(), families.end(), [&](const Family& family) {
      return family.first->vendor == one.vendor && family.first->family == one.family;
    });
    if (at == families.end()) {
      families.push_back({.first = &one, .score = match.score, .generations = {}});
      at = families.end() - 1;
    }
    if (!one.generation.empty()) add_once(at->generations, one.generation);
  }
  return families;
}

template <typename Text>
std::string joined(const std::vector<Text>& parts, std::string_view divider) {
  std::string text;
  for (const Text& part : parts) {
    if (!text.empty()) text += divider;
    text += part;
  }
  return text;
}

// "Linux 2.6.X|3.X", "Acme RTOS"
std::string name_of(const Family& family) {
  const OsClass& one = *family.first;
  std::string name = one.vendor == one.family ? one.family : one.vendor + ' ' + one.family;
  if (!family.generations.empty()) name.append(1, ' ').append(joined(family.generations, "|"));
  return name;
}

void summarise_classes(const std::vector<OsClassMatch>& classes, bool is_guess,
                       OsSummary& summary) {
  std::vector<std::string_view> types, cpes;
  for (const OsClassMatch& match : classes) {
    add_once(types, match.os_class->type);
    for (const std::string& cpe : match.os_class->cpes) add_once(cpes, cpe);
  }
  const std::vector<Family> families = group(classes);
  if (std::max({types.size(), cpes.size(), families.size()}) > OsSummary::kMostParts) return;
  std::vector<std::string> parts;
  for (const Family& family : families) {
    std::string part = name_of(family);
    if (part.size() > OsSummary::kLongestPart) return;
    if (is_guess) part += fmt::format(" ({}%)", family.score.percent());
    parts.push_back(std::move(part));
  }
  summary.device_types = joined(types, "|");
  summary.running = joined(parts, ", ");
  summary.cpes = joined(cpes, " ");
}

}  // namespace

std::vector<OsClassMatch> pick_classes(const OsDatabase& database, const OsMatches& matches) {
  std::vector<OsClassMatch> picked;
  for (const OsMatch& match : matches.matches) {
    for (const OsClass& one : database.entries[match.entry].classes) {
      const bool is_known =
          std::any_of(picked.begin(), picked.end(),
                      [&](const OsClassMatch& other) { return is_same(*other.os_class, one); });
      if (is_known) continue;
      if (matches.outcome == OsOutcome::Guesses && picked.size() == kMostGuessedClasses) {
        return picked;
      }
      picked.push_back({.os_class = &one, .score = match.score});
    }
  }
  return picked;
}

OsSummary summarise(const OsDatabase& database, const OsMatches& matches, OsDetail detail) {
  OsSummary summary;
  const bool is_guess = matches.outcome == OsOutcome::Guesses;
  summarise_classes(pick_classes(database, matches), is_guess, summary);
  for (const OsMatch& match : matches.named(detail)) {
    if (!summary.details.empty()) summary.details += ", ";
    summary.details += database.entries[match.entry].name;
    if (is_guess) summary.details += fmt::format(" ({}%)", match.score.percent());
  }
  return summary;
}

}  // namespace trawl::osfp
