#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "dataplane/conversation_plan.h"
#include "service/probes/probe_file.h"

namespace trawl::control {

// What open ports are told by the polling cores, and whose lines their answers are compared with.
struct BannerQuestions {
  // Of payload i of the plan.
  struct Payload {
    std::size_t probe = 0;  // Of the probe file: where lines are looked for.
    std::string name;       // Of that probe; "" of nothing said.
  };

  std::shared_ptr<const dataplane::ConversationPlan> plan;
  std::vector<Payload> payloads;
};

inline constexpr std::size_t kMostOwnQuestions = 32;

// What the user has for some ports.
struct OwnQuestion {
  std::vector<std::uint16_t> ports;
  std::string name;
  std::string bytes;  // 1 to ConversationPlan::kMostPayload.
};

// Chooses what each port is told first, and what it is told when that was for nothing:
//
// - Where the server speaks first, nothing; then TLS or HTTP.
// - Where the TLS probe lists the port, and another lists it for use within TLS alone, or none
// does:
//   our ClientHello; then GET.
// - Else the first probe, in the order of the file, that lists it; then GET, or after GET our
//   ClientHello.
// - Where no probe does, GET; then our ClientHello.
// - Ports that the file excludes from version detection are told nothing at all: what listens there
//   prints what it is told.
//
// - `own` questions come first, whatever the port; the one above that is another second, but for
//   ports that are told nothing else. Answers have the lines of GetRequest where the question is
//   one of HTTP, those of the TLS probe where it is a ClientHello, and else NULL's.
//
// Only probes of at most ConversationPlan::kMostPayload bytes count, and the first 218 of them.
// After these a file without GetRequest or a TLS probe has ours, whose answers have the lines of
// NULL alone.
[[nodiscard]] BannerQuestions make_questions(const service::ProbeFile& file, ByteCount most_bytes,
                                             std::uint8_t ttl = 64,
                                             std::span<const OwnQuestion> own = {});

// Whether the protocols registered for the TCP port have the server speak first: FTP, SSH, Telnet,
// SMTP, POP3, IMAP and the like.
[[nodiscard]] bool server_speaks_first(std::uint16_t port) noexcept;

// Whether a payload opens a TLS connection.
[[nodiscard]] bool is_client_hello(std::string_view payload) noexcept;

}  // namespace trawl::control
