#include "control/audit/resume/json_log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

namespace trawl::control {
namespace {

const JsonMember* find(const std::vector<JsonMember>& members, std::string_view key) {
  const auto found = std::ranges::find(members, key, &JsonMember::key);
  return found == members.end() ? nullptr : &*found;
}

std::string_view text_of(const std::vector<JsonMember>& members, std::string_view key) {
  const JsonMember* const member = find(members, key);
  return member == nullptr ? std::string_view{} : std::string_view{member->text};
}

// "2026-11-22T04:40:10.000000Z", to the second.
std::optional<std::chrono::system_clock::time_point> parse_timestamp(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() < kShape.size()) return std::nullopt;
  std::array<int, 6> parts{};
  std::size_t part = 0;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] != '0') {
      if (text[i] != kShape[i]) return std::nullopt;
      ++part;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    parts[part] = parts[part] * 10 + (text[i] - '0');
  }
  const std::chrono::year_month_day day{std::chrono::year{parts[0]},
                                        std::chrono::month{static_cast<unsigned>(parts[1])},
                                        std::chrono::day{static_cast<unsigned>(parts[2])}};
  if (!day.ok()) return std::nullopt;
  const std::chrono::seconds seconds =
      std::chrono::sys_days{day}.time_since_epoch() + std::chrono::hours{parts[3]} +
      std::chrono::minutes{parts[4]} + std::chrono::seconds{parts[5]};
  return time_of(seconds.count());
}

}  // namespace

bool JsonLog::take(const LogLine& line) {
  if (was_torn_) return false;
  const auto members = line.is_cut ? std::nullopt : parse_json_line(line.text);
  // Behind a host that was torn may stand what is left of the end which was there before.
  const bool is_two = members && text_of(*members, "record") != "run" && line.text.ends_with(' ');
  if (!line.has_line_feed || !members || is_two) {
    was_torn_ = true;
    run().has_ended = false;
    return has_begun();
  }
  if (text_of(*members, "schema") != "trawl.v1") return false;
  const std::string_view record = text_of(*members, "record");
  if (record == "start") return take_start(*members, line);
  if (!has_begun()) return false;
  if (was_interrupted_) return true;
  if (record == "host") return take_host(*members, line);
  if (record == "run") run().has_ended = text_of(*members, "exit") == "success";
  return true;
}

bool JsonLog::take_start(const Members& members, const LogLine& line) {
  const JsonMember* const command = find(members, "command");
  if (command == nullptr || command->texts.empty()) return false;
  begin_run({command->texts.begin() + 1, command->texts.end()});
  was_interrupted_ = false;
  run().started = parse_timestamp(text_of(members, "start"));
  run().has_whole_start = true;
  run().whole = line.end;
  return true;
}

bool JsonLog::take_host(const Members& members, const LogLine& line) {
  if (text_of(members, "interrupted") == "true") {
    was_interrupted_ = true;
    return true;
  }
  if (!add_host(text_of(members, "ip"), text_of(members, "status") == "up")) {
    was_torn_ = true;
    return true;
  }
  run().whole = line.end;
  run().has_ended = false;
  return true;
}

}  // namespace trawl::control
