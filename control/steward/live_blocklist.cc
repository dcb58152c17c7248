#include "control/steward/live_blocklist.h"

#include <fmt/format.h>

#include <utility>

#include "control/steward/sha256.h"

namespace trawl::control {
namespace {

Result<ListFile> read_list(ListKind kind, const std::string& path) {
  const auto content = read_whole_file(path, kLargestList);
  if (!content) return Failure{content.error()};
  ListFile file{.kind = kind, .path = path, .sha256 = sha256_hex(*content), .list = {}};
  if (auto parsed = parse_address_list(*content, path, file.list); !parsed) {
    return Failure{parsed.error()};
  }
  return file;
}

}  // namespace

std::string_view to_string(ListKind kind) noexcept {
  return kind == ListKind::Blocklist ? "blocklist" : "opt-out list";
}

Result<LiveBlocklist> LiveBlocklist::open(AddressList fixed,
                                          std::span<const std::string> blocklists,
                                          std::span<const std::string> opt_outs) {
  LiveBlocklist live;
  live.fixed_ = std::move(fixed);
  for (const auto& [kind, paths] :
       {std::pair{ListKind::Blocklist, blocklists}, std::pair{ListKind::OptOut, opt_outs}}) {
    for (const std::string& path : paths) {
      auto file = read_list(kind, path);
      if (!file) return Failure{file.error()};
      live.files_.push_back(std::move(*file));
    }
  }
  live.merge();
  live.fixed_ = live.blocked_;
  live.first_digest_ = live.digest_;
  return live;
}

LiveBlocklist::Reading LiveBlocklist::reload() {
  Reading reading;
  ++reloads_;
  for (ListFile& file : files_) {
    auto again = read_list(file.kind, file.path);
    if (again) {
      file = std::move(*again);
    } else {
      reading.problems.push_back(fmt::format("{}; what the {} last held stays blocked",
                                             again.error().message, to_string(file.kind)));
    }
  }
  const std::string before = std::exchange(digest_, {});
  merge();
  reading.changed = digest_ != before;
  return reading;
}

void LiveBlocklist::merge() {
  blocked_ = fixed_;
  for (const ListFile& file : files_) blocked_.add(file.list);
  digest_ = blocked_.digest();
}

}  // namespace trawl::control
