#include "control/steward/blocklist_check.h"

#include <fmt/format.h>

#include <utility>

#include "control/steward/live_blocklist.h"
#include "control/survey/special_purpose.h"
#include "control/survey/target_spec.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

Result<AddressList> allowed_addresses(const BlocklistSources& sources) {
  AddressList allowed;
  for (const std::string& spec : sources.allow_special) {
    if (auto parsed = parse_targets(spec, "allow-special", allowed.v4, allowed.v6); !parsed) {
      return Failure{parsed.error()};
    }
  }
  return allowed;
}

void check_special_purpose(const AddressList& allowed, AddressCheck& check) {
  std::visit(
      [&](auto address) {
        const auto* block = special_purpose_block_of(address);
        if (block == nullptr) return;
        if (allowed.contains(check.address)) {
          check.allowed = block->to_string();
        } else {
          check.blocked_by.push_back(fmt::format("the built-in list: {}, allocated {}",
                                                 block->to_string(), block->allocated));
        }
      },
      check.address);
}

Result<void> check_file(ListKind kind, const std::string& path,
                        std::span<const AnyAddress> addresses, std::vector<AddressCheck>& checks) {
  const auto content = read_whole_file(path, kLargestList);
  if (!content) return Failure{content.error()};
  const auto found = find_entries(*content, path, addresses);
  if (!found) return Failure{found.error()};
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const std::optional<ListEntry>& entry = (*found)[i];
    if (!entry) continue;
    checks[i].blocked_by.push_back(
        fmt::format("the {} {}:{}: {}", to_string(kind), path, entry->line, entry->text));
  }
  return {};
}

}  // namespace

std::string AddressCheck::to_text() const {
  const std::string name = to_string(address);
  if (blocked_by.empty()) {
    return allowed.empty()
               ? fmt::format("{}: not blocked\n", name)
               : fmt::format("{}: not blocked: {}, is allowed by trawl.conf\n", name, allowed);
  }
  std::string text;
  for (const std::string& reason : blocked_by) {
    text += fmt::format("{}: blocked by {}\n", name, reason);
  }
  return text;
}

Result<std::vector<AddressCheck>> check_addresses(std::span<const std::string> addresses,
                                                  const BlocklistSources& sources) {
  const auto allowed = allowed_addresses(sources);
  if (!allowed) return Failure{allowed.error()};
  std::vector<AnyAddress> parsed;
  std::vector<AddressCheck> checks;
  for (const std::string& text : addresses) {
    const auto address = parse_any_address(text);
    if (!address) {
      return fail(ExitCode::BadInput,
                  fmt::format("{} is not an address; expected one such as 198.18.0.1 or "
                              "2001:db8::1",
                              quote(text)));
    }
    parsed.push_back(*address);
    checks.push_back({.address = *address, .blocked_by = {}, .allowed = {}});
    check_special_purpose(*allowed, checks.back());
  }
  for (const auto& [kind, paths] : {std::pair{ListKind::Blocklist, &sources.blocklists},
                                    std::pair{ListKind::OptOut, &sources.opt_outs}}) {
    for (const std::string& path : *paths) {
      if (auto done = check_file(kind, path, parsed, checks); !done) return Failure{done.error()};
    }
  }
  return checks;
}

Result<AddressList> merge_lists(const BlocklistSources& sources) {
  const auto allowed = allowed_addresses(sources);
  if (!allowed) return Failure{allowed.error()};
  AddressList fixed{.v4 = special_purpose_addresses(), .v6 = special_purpose_ipv6_addresses()};
  fixed.v4.subtract(allowed->v4);
  fixed.v6.subtract(allowed->v6);
  const auto live = LiveBlocklist::open(std::move(fixed), sources.blocklists, sources.opt_outs);
  if (!live) return Failure{live.error()};
  return live->blocked();
}

}  // namespace trawl::control
