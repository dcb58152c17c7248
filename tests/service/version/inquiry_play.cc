#include "tests/service/version/inquiry_play.h"

#include <algorithm>
#include <memory>

namespace trawl::service {

namespace {

constexpr SteadyTime kStart{std::chrono::hours{1}};
constexpr std::size_t kMostSteps = 100'000;

// One play: the machine, the server and the clock.
class Play {
 public:
  Play(const ProbeFile& file, const PlayServer& server, InquiryRules rules, ServicePort port,
       milliseconds matching)
      : file_{file}, server_{server}, inquiry_{file, std::move(port), rules}, matching_{matching} {}

  PlayResult run() {
    inquiry_.begin(now_);
    obey();
    for (std::size_t step = 0; step < kMostSteps && !inquiry_.is_done(); ++step) {
      if (!turn()) return std::move(result_);
    }
    result_.ended = inquiry_.is_done() && connections_.empty();
    if (!inquiry_.is_done()) return std::move(result_);
    result_.finding = inquiry_.take_finding();
    result_.took = std::chrono::duration_cast<milliseconds>(now_ - kStart);
    for (const auto& response : inquiry_.responses()) {
      result_.responses.push_back(file_.probes[response.probe].name + "=" + response.bytes);
    }
    return std::move(result_);
  }

 private:
  struct Connection {
    bool is_tls = false;
    bool is_connected = false;
    bool is_accepted = false;
    bool is_answered = false;
    std::vector<std::string> waiting{};  // Sent before it was accepted.
  };
  using Deed = std::function<void()>;

  // False when nothing will ever happen again.
  bool turn() {
    const auto next = deeds_.begin();
    const SteadyTime wakes = inquiry_.wakes_at();
    if (next == deeds_.end() && wakes == SteadyTime::max()) return false;
    if (next == deeds_.end() || wakes < next->first) {
      now_ = std::max(now_, wakes);
      inquiry_.tick(now_);
    } else {
      now_ = next->first;
      const Deed deed = std::move(next->second);
      deeds_.erase(next);
      deed();
    }
    obey();
    return true;
  }

  void in(milliseconds delay, Deed deed) { deeds_.emplace(now_ + delay, std::move(deed)); }

  void obey() {
    for (const InquiryCommand& command : inquiry_.take_commands()) {
      switch (command.kind) {
        case InquiryCommand::Kind::Open: open(command); break;
        case InquiryCommand::Kind::Send: send(command); break;
        case InquiryCommand::Kind::Close: leave(command.attempt); break;
        case InquiryCommand::Kind::Linger: break;
        case InquiryCommand::Kind::Match: look(command); break;
        case InquiryCommand::Kind::Tell: tell(command); break;
      }
    }
  }

  void open(const InquiryCommand& command) {
    const std::uint32_t number = command.attempt;
    connections_[number] = Connection{.is_tls = command.is_tls};
    result_.most_open = std::max(result_.most_open, connections_.size());
    ++result_.opened;
    const bool is_gone = result_.opened > server_.most_ever;
    in(server_.round_trip, [this, number, is_gone] {
      if (!connections_.contains(number)) return;
      const bool is_too_many = accepted() >= server_.most_at_once;
      Connection& connection = connections_[number];
      connection.is_connected = true;
      if (is_gone || (is_too_many && server_.refuses_more) ||
          (connection.is_tls && !server_.has_tls)) {
        connections_.erase(number);
        inquiry_.not_connected(now_, number, "Connection refused");
        return;
      }
      if (is_too_many && server_.closes_older) {
        in(milliseconds{1}, [this, older = connections_.begin()->first] { hang_up(older); });
      }
      inquiry_.connected(now_, number);
      if (is_too_many && server_.closes_more && !server_.says_why.empty()) {
        in(milliseconds{1},
           [this, number] { say(number, {.bytes = server_.says_why, .closes = true}); });
      } else if (is_too_many && server_.closes_more) {
        hang_up(number);
      } else if (!is_too_many || server_.closes_older) {
        accept(number);
      }
    });
  }

  void accept(std::uint32_t number) {
    Connection& connection = connections_[number];
    connection.is_accepted = true;
    milliseconds when{0};
    const bool is_greeted = !connection.is_tls || server_.greets_tls;
    for (const PlayServer::Reply& said : server_.greeting) {
      if (!is_greeted) break;
      when += said.delay;
      in(when, [this, number, said] { say(number, said); });
    }
    if (server_.hangs_up) in(*server_.hangs_up, [this, number] { hang_up(number); });
    for (const std::string& payload : std::exchange(connection.waiting, {})) {
      answer(number, payload);
    }
  }

  void send(const InquiryCommand& command) {
    const Probe& probe = file_.probes[command.probe];
    result_.sent.push_back(std::to_string(command.attempt) + ":" + probe.name);
    result_.sent_at.push_back(std::chrono::duration_cast<milliseconds>(now_ - kStart));
    const auto found = connections_.find(command.attempt);
    if (found == connections_.end() || probe.is_null()) return;
    if (!found->second.is_accepted) {
      found->second.waiting.push_back(probe.payload);
      return;
    }
    answer(command.attempt, probe.payload);
  }

  void answer(std::uint32_t number, const std::string& payload) {
    const auto& replies = connections_[number].is_tls ? server_.tls_replies : server_.replies;
    const auto found = replies.find(payload);
    if (found != replies.end()) {
      in(found->second.delay, [this, number, said = found->second] { say(number, said); });
    } else if (server_.other_reply) {
      in(server_.other_reply->delay, [this, number] { say(number, *server_.other_reply); });
    }
  }

  void say(std::uint32_t number, const PlayServer::Reply& said) {
    if (!connections_.contains(number)) return;
    connections_[number].is_answered = true;
    inquiry_.data(now_, number, said.bytes);
    if (said.closes) hang_up(number);
  }

  void hang_up(std::uint32_t number) {
    if (!connections_.contains(number)) return;
    inquiry_.ended(now_, number);
  }

  void leave(std::uint32_t number) {
    const auto left = connections_.extract(number);
    if (left.empty()) return;
    if (left.mapped().is_accepted && server_.release > milliseconds{0}) {
      ++held_;
      in(server_.release, [this] { --held_; });
    }
    if (server_.leaves_together && left.mapped().is_answered) {
      for (const auto& other : connections_) {
        in(milliseconds{1}, [this, cut = other.first] { hang_up(cut); });
      }
    }
    if (accepted() >= server_.most_at_once) return;
    for (auto& [other, connection] : connections_) {
      if (connection.is_connected && !connection.is_accepted) {
        accept(other);
        break;
      }
    }
  }

  [[nodiscard]] std::size_t accepted() const {
    return held_ + static_cast<std::size_t>(std::ranges::count_if(
                       connections_, [](const auto& each) { return each.second.is_accepted; }));
  }

  void look(const InquiryCommand& command) {
    auto match = match_beginning(file_, command);
    in(matching_, [this, ticket = command.ticket, match = std::move(match)] {
      inquiry_.matched(now_, ticket, match);
    });
  }

  void tell(const InquiryCommand& command) {
    const LineMatch& match = *command.match;
    result_.told.push_back(file_.probes[command.probe].name + "/" + file_.probes[match.probe].name +
                           (match.is_soft ? " softly" : "") + " is " + match.service);
  }

  const ProbeFile& file_;
  const PlayServer& server_;
  PortInquiry inquiry_;
  milliseconds matching_;
  SteadyTime now_ = kStart;
  std::multimap<SteadyTime, Deed> deeds_;
  std::map<std::uint32_t, Connection> connections_;
  std::size_t held_ = 0;  // Places that were left and are not free yet.
  PlayResult result_;
};

}  // namespace

std::optional<LineMatch> match_beginning(const ProbeFile& file, const InquiryCommand& command) {
  std::vector<std::size_t> probes{command.probe};
  const Probe& asked = file.probes[command.probe];
  probes.insert(probes.end(), asked.fallbacks.begin(), asked.fallbacks.end());
  if (asked.transport == Transport::Tcp && file.null_probe) probes.push_back(*file.null_probe);
  for (const std::size_t probe : probes) {
    const auto& lines = file.probes[probe].matches;
    for (std::size_t index = 0; index < lines.size(); ++index) {
      const MatchLine& line = lines[index];
      std::string beginning = line.pattern;
      if (const auto at = beginning.find("\\n"); at != std::string::npos) {
        beginning.replace(at, 2, "\n");
      }
      if (!command.response.starts_with(beginning)) continue;
      LineMatch match;
      match.probe = probe;
      match.index = index;
      match.is_soft = line.is_soft;
      match.is_tls = line.is_tls;
      match.service = line.service;
      match.fields = line.fields;
      return match;
    }
  }
  return std::nullopt;
}

PlayResult play(const ProbeFile& file, const PlayServer& server, InquiryRules rules,
                std::uint16_t port, Transport transport, milliseconds matching) {
  ServicePort asked;
  asked.port = port;
  asked.transport = transport;
  return Play{file, server, std::move(rules), asked, matching}.run();
}

}  // namespace trawl::service
