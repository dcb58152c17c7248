#include "bench/simnet/talk.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "bench/simnet/option_values.h"

namespace trawl::simnet {
namespace {

std::optional<Talk> parse_talk(std::string_view text) {
  const auto found = std::find(kTalkNames.begin(), kTalkNames.end(), text);
  if (found == kTalkNames.end() || text == to_string(Talk::Middlebox)) return std::nullopt;
  return static_cast<Talk>(found - kTalkNames.begin());
}

// The first `count` kinds, as a sentence lists them.
std::string names(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ", ";
    out += kTalkNames[i];
  }
  return out;
}

constexpr std::size_t kServices = static_cast<std::size_t>(Talk::Big) + 1;
constexpr std::size_t kDrawn = static_cast<std::size_t>(Talk::Middlebox);

}  // namespace

PortClass class_of(Talk talk) noexcept {
  switch (talk) {
    case Talk::Ssh:
    case Talk::Http:
    case Talk::Tls:
    case Talk::Smtp:
    case Talk::Slow:
    case Talk::Big: return PortClass::Service;
    case Talk::Silent: return PortClass::Accepts;
    case Talk::MuteClose:
    case Talk::Reset: return PortClass::Resets;
    case Talk::ZeroWindow: return PortClass::ZeroWindow;
    case Talk::Tarpit: return PortClass::Tarpit;
    case Talk::SynProxy:
    case Talk::Middlebox: return PortClass::Middlebox;
  }
  return PortClass::Unknown;
}

Result<void> set_talk(TalkOptions& options, std::string_view text) {
  // Shares that a person adds up to 1 may come out a little over it.
  constexpr double kMostInAll = 1 + 1e-9;
  std::array<double, kTalks> shares{};
  const auto parsed = each_piece(text, [&](std::string_view piece) -> Result<void> {
    const auto pair = split_pair(piece);
    const auto talk = pair ? parse_talk(pair->key) : std::nullopt;
    if (!talk) {
      return bad(
          fmt::format("'{}' is not KIND=SHARE with a kind out of {}", shown(piece), names(kDrawn)));
    }
    return store(parse_share(pair->value), shares[static_cast<std::size_t>(*talk)]);
  });
  if (!parsed) return parsed;
  double sum = 0;
  for (const double share : shares) sum += share;
  if (sum > kMostInAll) return bad(fmt::format("the shares add up to {:.6g}, more than 1", sum));
  options.shares = shares;
  options.is_given = true;
  return {};
}

Result<void> add_talk_ports(TalkOptions& options, std::string_view text) {
  return each_piece(text, [&](std::string_view piece) -> Result<void> {
    const auto pair = split_pair(piece);
    const std::string_view value = pair ? pair->value : std::string_view{};
    const std::size_t colon = value.find(':');
    const auto talk = parse_talk(value.substr(0, colon));
    if (!talk || !is_service(*talk)) {
      return bad(fmt::format("'{}' is not PORT=SERVICE[:SHARE], like 80=http:0.9, with one of {}",
                             shown(piece), names(kServices)));
    }
    const auto range = parse_port_range(pair->key);
    if (!range) return tl::unexpected{range.error()};
    TalkPorts ports{range->first, range->last, *talk};
    if (colon != std::string_view::npos) {
      if (auto share = store(parse_share(value.substr(colon + 1)), ports.share); !share) {
        return share;
      }
    }
    options.ports.push_back(ports);
    return {};
  });
}

Result<void> set_talk_limit(TalkOptions& options, std::string_view text) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 26U;
  const auto limit = parse_whole(text, 1, kMost);
  if (!limit) return tl::unexpected{limit.error()};
  options.limit = static_cast<std::size_t>(*limit);
  return {};
}

}  // namespace trawl::simnet
