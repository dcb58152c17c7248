#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/conversation_plan.h"

namespace trawl::survey_bench {

// What the benches of conversations say: nothing first to SSH and SMTP, to 443 a ClientHello of the
// usual size, to others a request for HTTP; and what is left of these second.
[[nodiscard]] inline std::shared_ptr<const dataplane::ConversationPlan> bench_plan() {
  constexpr std::uint8_t kHttp = 1;
  constexpr std::uint8_t kHello = 2;
  auto plan = std::make_shared<dataplane::ConversationPlan>();
  const auto add = [&plan](std::string_view text) {
    const auto bytes = std::as_bytes(std::span{text});
    plan->payloads.emplace_back(bytes.begin(), bytes.end());
  };
  add("GET / HTTP/1.0\r\n\r\n");
  std::string hello{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11};
  hello.resize(517, 'h');
  add(hello);
  plan->first.fill(kHttp);
  plan->second.fill(kHello);
  plan->first[443] = kHello;
  plan->second[443] = kHttp;
  for (const std::uint16_t port : {std::uint16_t{22}, std::uint16_t{25}}) {
    plan->first[port] = 0;
    plan->second[port] = kHttp;
  }
  return plan;
}

}  // namespace trawl::survey_bench
