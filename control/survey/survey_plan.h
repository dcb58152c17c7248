#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/interval_set.h"
#include "base/ranked_addresses.h"
#include "base/result.h"
#include "control/steward/address_list.h"
#include "control/steward/live_blocklist.h"
#include "control/survey/survey_options.h"
#include "dataplane/conversation_plan.h"
#include "dataplane/udp_payloads.h"

namespace trawl::control {

// What a survey probes and what it must never touch.
//
// Thread: immutable once made.
struct SurveyPlan {
  RankedAddresses addresses;         // Named and not blocked, of one family; never empty.
  std::vector<std::uint16_t> ports;  // Sorted, each once, never empty: {0} where there are none.
  // Every address the operator excluded and every special-purpose address that was not allowed by
  // name: the complete blocklist, whatever the targets are. The egress guard is made from this, so
  // that a mistake in `addresses` does not reach the wire.
  AddressList blocked;
  std::shared_ptr<const dataplane::UdpPayloads> payloads = nullptr;  // Of UDP probes alone.
  // What is said to open ports; absent: nothing.
  std::shared_ptr<const dataplane::ConversationPlan> conversations = nullptr;
  std::uint64_t addresses_named = 0;     // Before exclusions.
  std::uint64_t addresses_excluded = 0;  // Of those named.
  std::uint64_t exclude_digest = 0;      // Of `blocked`: tells two blocklists apart, no more.
  std::uint64_t public_addresses = 0;    // Of `addresses`: those outside special-purpose space.
  LiveBlocklist blocklist{};             // `blocked` again, to be read anew during the survey.

  // Targets: addresses times ports, at most 2^48.
  [[nodiscard]] std::uint64_t size() const noexcept { return addresses.size() * ports.size(); }
};

// Reads the files the options name and puts the plan together. Fails with Usage: no payload of a
// name; with BadInput: an unreadable or malformed file or spec, --allow-special outside
// special-purpose space, targets of both families or more than 2^48, options of another family than
// the targets, or nothing left to probe, with the counts.
[[nodiscard]] Result<SurveyPlan> make_survey_plan(const SurveyOptions& options);

// Tells two sets apart: order matters and every bit of both ends counts. Not cryptographic.
[[nodiscard]] std::uint64_t digest_of(const Ipv4Set& set);
[[nodiscard]] std::uint64_t digest_of(const Ipv6Set& set);
// Of the set of the family that is probed.
[[nodiscard]] std::uint64_t digest_of(const AddressList& list, bool is_v4);
// How many addresses there are, 2^64 - 1 where there are more.
[[nodiscard]] std::uint64_t count_of(const Ipv4Set& set);
[[nodiscard]] std::uint64_t count_of(const Ipv6Set& set);

// What UDP probes say, from the files the options name; nullptr for other probes. Fails as
// make_survey_plan().
[[nodiscard]] Result<std::shared_ptr<const dataplane::UdpPayloads>> make_payloads(
    const SurveyOptions& options);

// The blocklist alone: special-purpose addresses less `allow_special`, plus the excludes, the
// blocklist files and the opt-out files, which win.
[[nodiscard]] Result<LiveBlocklist> make_blocklist(const SurveyOptions& options);

}  // namespace trawl::control
