#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "service/version/port_inquiry.h"

namespace {

using namespace trawl::service;

constexpr std::string_view kProbes = R"(Probe TCP NULL q||
totalwaitms 6000
tcpwrappedms 3000
match a m|A|
softmatch b m|B|
match ssl m|S|
Probe TCP One q|1|
rarity 1
ports 7
match b m|C|
softmatch c m|D|
Probe TCP Two q|2|
rarity 1
sslports 7
fallback One
match c m|E|
match ssl m|T|
Probe TCP Three q|3|
rarity 9
match b m|F|
Probe UDP Four q|4|
rarity 1
softmatch d m|G|
Probe UDP Five q|5|
rarity 8
match d m|H|
)";

const ProbeFile& probes() {
  static const ProbeFile file = parse_probe_file(kProbes, "probes");
  return file;
}

// The last letter that has a line counts: what is learnt may change as bytes come.
std::optional<LineMatch> look(const InquiryCommand& command) {
  std::optional<LineMatch> match;
  for (std::size_t probe = 0; probe < probes().probes.size(); ++probe) {
    const auto& lines = probes().probes[probe].matches;
    for (std::size_t index = 0; index < lines.size(); ++index) {
      const MatchLine& line = lines[index];
      if (!command.response.ends_with(line.pattern)) continue;
      match.emplace();
      match->probe = probe;
      match->index = index;
      match->is_soft = line.is_soft;
      match->service = line.service;
    }
  }
  return match;
}

void require(bool holds) {
  if (!holds) std::abort();
}

// Follows the commands, as strictly as one who has sockets would.
class Follower {
 public:
  explicit Follower(std::uint8_t flags)
      : most_{(flags & 1U) != 0 ? std::size_t{1} : std::size_t{3}},
        inquiry_{probes(), port_of(flags), rules_of(flags)} {
    inquiry_.begin(now_);
    obey();
  }

  // One event; which one the two bytes say.
  void happen(std::uint8_t what, std::uint8_t value) {
    now_ += std::chrono::milliseconds{value % 16U * 50U};
    if (what % 8 == 6 && !tickets_.empty()) return answer(value);
    if (open_.empty() || what % 8 == 7) {
      now_ = std::max(now_, std::min(inquiry_.wakes_at(), now_ + std::chrono::seconds{20}));
      inquiry_.tick(now_);
      return obey();
    }
    const auto at = std::next(open_.begin(), value % static_cast<long>(open_.size()));
    const std::uint32_t attempt = at->first;
    if (!at->second && what % 4 == 0) {
      open_.erase(at);
      inquiry_.not_connected(now_, attempt, "no");
    } else if (!at->second) {
      at->second = true;
      inquiry_.connected(now_, attempt);
    } else if (what % 8 == 1) {
      inquiry_.ended(now_, attempt);
    } else {
      const char letter = static_cast<char>('A' + what / 8 % 24);
      inquiry_.data(now_, attempt, std::string(what % 8 == 2 ? 3000 : 1, letter));
    }
    obey();
  }

  // It comes to an end when nothing is said any more.
  void finish() {
    for (int step = 0; step < 1000 && !inquiry_.is_done(); ++step) {
      if (!tickets_.empty()) {
        answer(0);
      } else {
        // With no connection open, it rests until it may open one.
        const auto silent =
            std::find_if(open_.begin(), open_.end(), [](const auto& each) { return !each.second; });
        if (silent != open_.end()) {
          silent->second = true;
          inquiry_.connected(now_, silent->first);
        } else {
          require(inquiry_.wakes_at() != SteadyTime::max());
          now_ = std::max(now_, inquiry_.wakes_at());
          inquiry_.tick(now_);
        }
        obey();
      }
    }
    require(inquiry_.is_done() && open_.empty());
    const ServiceFinding finding = inquiry_.take_finding();
    require(finding.evidence.response.size() <= ServiceFinding::kMostEvidence);
    std::map<std::size_t, int> told;
    for (const auto& response : inquiry_.responses()) {
      require(++told[response.probe] == 1 && !response.bytes.empty());
      require(response.bytes.size() <= PortInquiry::kMostResponse);
    }
  }

 private:
  static ServicePort port_of(std::uint8_t flags) {
    ServicePort port;
    port.port = (flags & 2U) != 0 ? 7 : 8;
    port.transport = (flags & 4U) != 0 ? Transport::Udp : Transport::Tcp;
    return port;
  }
  static InquiryRules rules_of(std::uint8_t flags) {
    return {.intensity = static_cast<unsigned>(flags) >> 4U, .is_strict = (flags & 1U) != 0};
  }

  void answer(std::uint8_t value) {
    const auto at = std::next(tickets_.begin(), value % static_cast<long>(tickets_.size()));
    const auto [ticket, match] = *at;
    tickets_.erase(at);
    inquiry_.matched(now_, ticket, match);
    obey();
  }

  void obey() {
    for (const InquiryCommand& command : inquiry_.take_commands()) {
      switch (command.kind) {
        case InquiryCommand::Kind::Open:
          require(open_.emplace(command.attempt, false).second &&
                  open_.size() - lingering_.size() <= most_);
          require(++opened_ < 200);
          break;
        case InquiryCommand::Kind::Send: require(open_.at(command.attempt)); break;
        case InquiryCommand::Kind::Close:
          open_.erase(command.attempt);
          lingering_.erase(command.attempt);
          break;
        case InquiryCommand::Kind::Linger:
          require(open_.contains(command.attempt));
          require(lingering_.insert(command.attempt).second);
          break;
        case InquiryCommand::Kind::Match:
          require(tickets_.emplace(command.ticket, look(command)).second);
          break;
        case InquiryCommand::Kind::Tell: require(command.match.has_value()); break;
      }
    }
    for (const auto& each : inquiry_.listens()) require(open_.at(each.attempt));
  }

  std::size_t most_;
  std::set<std::uint32_t> lingering_;
  SteadyTime now_{std::chrono::hours{1}};
  std::map<std::uint32_t, bool> open_;  // By attempt: whether it is connected.
  std::map<std::uint32_t, std::optional<LineMatch>> tickets_;
  std::size_t opened_ = 0;
  PortInquiry inquiry_;
};

}  // namespace

// The first byte says how and whom to ask; each two more are something that happens.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Follower follower{data[0]};
  for (std::size_t at = 1; at + 1 < std::min<std::size_t>(size, 2000); at += 2) {
    follower.happen(data[at], data[at + 1]);
  }
  follower.finish();
  return 0;
}
