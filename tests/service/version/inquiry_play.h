#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "service/version/port_inquiry.h"

namespace trawl::service {

using std::chrono::milliseconds;

// How a server of a play behaves, to each of its connections alike.
struct PlayServer {
  struct Reply {
    std::string bytes{};
    milliseconds delay{5};
    bool closes = false;  // After them.
  };
  milliseconds round_trip{0};
  std::vector<Reply> greeting{};           // One after the other, unasked.
  std::map<std::string, Reply> replies{};  // By the payload.
  std::map<std::string, Reply> tls_replies{};
  std::optional<Reply> other_reply{};      // To any other payload.
  std::optional<milliseconds> hangs_up{};  // So long after it accepted.
  std::size_t most_at_once = 1000;         // The next ones wait in the queue...
  bool refuses_more = false;               // ...or are refused...
  bool closes_more = false;                // ...or closed at once...
  std::string says_why{};                  // ...with these words...
  bool closes_older = false;               // ...or take the place of the older one.
  milliseconds release{0};                 // A place is free so long after it was left.
  bool leaves_together = false;            // The end of one that it answered ends the others.
  std::size_t most_ever = 1000;            // Then it is gone.
  bool has_tls = false;
  bool greets_tls = true;  // With the greeting.
};

// What happened, in virtual time.
struct PlayResult {
  ServiceFinding finding;
  milliseconds took{0};
  std::size_t most_open = 0;           // Connections at once.
  std::size_t opened = 0;              // In all.
  std::vector<std::string> sent;       // "1:NULL" "1:One" "2:Two": attempts and probes...
  std::vector<milliseconds> sent_at;   // ...and when.
  std::vector<std::string> told;       // "One/One is http", "NULL/NULL softly is smtp".
  std::vector<std::string> responses;  // "NULL=...".
  bool ended = false;                  // False: it hung, or never came to an end.
};

// Lines whose pattern, "\n" aside, is the beginning of a response, tried in Nmap's order.
[[nodiscard]] std::optional<LineMatch> match_beginning(const ProbeFile& file,
                                                       const InquiryCommand& command);

// Plays it to the end. Matching takes a while, too.
[[nodiscard]] PlayResult play(const ProbeFile& file, const PlayServer& server,
                              InquiryRules rules = {}, std::uint16_t port = 7001,
                              Transport transport = Transport::Tcp,
                              milliseconds matching = milliseconds{1});

}  // namespace trawl::service
