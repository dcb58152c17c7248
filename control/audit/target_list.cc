#include "control/audit/target_list.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {
namespace {

constexpr std::size_t kReadAhead = 65'536;         // Words, to bring ports of one host together.
constexpr std::size_t kShuffledTogether = 16'384;  // As Nmap does.

std::string cannot_open(std::string_view kind, const std::string& path) {
  const int error = errno;
  return fmt::format("Failed to open {} file {} for reading: {} ({})", kind, path,
                     std::strerror(error), error);
}

std::string cannot_read(const TargetFile& file) {
  return fmt::format("Failed to read {} to its end: {} ({})", file.path(),
                     std::strerror(file.error()), file.error());
}

}  // namespace

TargetList::TargetList(const AuditOptions& options, std::shared_ptr<service::NameResolver> resolver,
                       const AuditScope& scope, Warn warn)
    : family_{options.ipv6 ? AddressFamily::V6 : AddressFamily::V4},
      resolve_all_{options.resolve_all},
      unique_{options.unique},
      randomize_{options.randomize_hosts},
      resolver_{std::move(resolver)},
      warn_{std::move(warn)},
      scope_{&scope} {
  std::vector<TargetWord> words;
  for (const std::string& word : options.targets) words.push_back(split_ports(word, options.ipv6));
  for (TargetWord& word : merge_words(std::move(words))) words_.push_back(std::move(word));
}

AuditResult<TargetList> TargetList::open(const AuditOptions& options,
                                         std::shared_ptr<service::NameResolver> resolver,
                                         const AuditScope& scope, Warn warn) {
  TargetList list{options, std::move(resolver), scope, std::move(warn)};
  if (auto drawn = list.draw_at_random(options); !drawn) return tl::unexpected{drawn.error()};
  for (const std::string& path : options.target_files) {
    auto file = TargetFile::open(path, list.is_stopped_);
    if (!file) return bad_value(cannot_open("input", path));
    list.reads_pipe_ = list.reads_pipe_ || !file->is_regular();
    list.files_.push_back(std::move(file));
  }
  for (const std::string& text : options.excludes) {
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      if (auto taken = list.exclude(rest.substr(0, end)); !taken) {
        return tl::unexpected{taken.error()};
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  for (const std::string& path : options.exclude_files) {
    if (auto taken = list.exclude_words(path); !taken) return tl::unexpected{taken.error()};
  }
  return list;
}

AuditResult<void> TargetList::draw_at_random(const AuditOptions& options) {
  if (!options.random_targets) return {};
  const auto allowed = scope_->allowed_v4();
  if (!allowed) {
    return bad_value(
        "-iR picks hosts only where you said that you may scan: give --scope PREFIXES, or "
        "audit-scope in /etc/trawl/trawl.conf.");
  }
  if (allowed->empty()) return bad_value("-iR: no IPv4 address of the scope may be scanned.");
  random_targets_.emplace(*allowed, *options.random_targets);
  if (random_targets_->is_short()) {
    warn_(fmt::format("WARNING: -iR asks for {} hosts, but the scope has only {}.",
                      *options.random_targets, allowed->size()));
  }
  return {};
}

AuditResult<void> TargetList::exclude_words(const std::string& path) {
  const auto file = TargetFile::open(path);
  if (!file) return bad_value(cannot_open("exclude", path));
  for (std::string word = file->next(); !word.empty(); word = file->next()) {
    if (auto taken = exclude(word); !taken) return taken;
  }
  if (file->error() != 0) return bad_value(cannot_read(*file));
  return {};
}

AuditResult<void> TargetList::exclude(std::string_view text) {
  auto parsed = parse_target_expression(text, family_);
  if (auto* const reason = std::get_if<std::string>(&parsed)) return bad_value(std::move(*reason));
  auto& expression = std::get<TargetExpression>(parsed);
  if (!expression.warning.empty()) return bad_value(std::move(expression.warning));
  if (auto* const block = std::get_if<TargetBlock>(&expression.what)) {
    add_excluded(*block);
    return {};
  }
  const auto& named = std::get<NamedTarget>(expression.what);
  const auto answer = resolver_->resolve(named.name, family_);
  if (answer.addresses.empty()) {
    return bad_value(
        fmt::format("Error resolving name \"{}\": Name or service not known", named.name));
  }
  for (const IpAddress& address : answer.addresses) {
    add_excluded(block_around(address, named.length));
  }
  return {};
}

void TargetList::add(std::string_view expression) {
  words_.push_back(split_ports(std::string{expression}, family_ == AddressFamily::V6));
}

std::optional<TargetWord> TargetList::next_word() {
  while (words_.empty() && !files_.empty()) {
    std::string word = files_.front()->next();
    if (word.empty()) {
      close_file();
    } else {
      read_ahead(split_ports(word, family_ == AddressFamily::V6));
    }
  }
  if (words_.empty()) return std::nullopt;
  TargetWord word = std::move(words_.front());
  words_.pop_front();
  return word;
}

// Lists of hosts and ports have a line for each port: many of them are read to bring those of a
// host together.
void TargetList::read_ahead(TargetWord first) {
  std::vector<TargetWord> words;
  words.push_back(std::move(first));
  if (!words.front().ports.empty()) {
    while (words.size() < kReadAhead && files_.front()->has_word_soon()) {
      const std::string word = files_.front()->next();
      if (word.empty()) break;
      words.push_back(split_ports(word, family_ == AddressFamily::V6));
    }
    words = merge_words(std::move(words));
  }
  for (TargetWord& word : words) words_.push_back(std::move(word));
}

void TargetList::close_file() {
  if (files_.front()->error() != 0) warn_(cannot_read(*files_.front()));
  files_.pop_front();
}

// Those that mean something: of a list with a line for each port, one line may be wrong.
std::vector<std::string> TargetList::good_ports(const TargetWord& word) {
  std::vector<std::string> good;
  for (const std::string& ports : word.ports) {
    if (const auto planned = planner_({ports}); planned) {
      good.push_back(ports);
    } else {
      warn_(fmt::format("{}:{} is left out: {}", word.text, ports, planned.error().message));
    }
  }
  return good;
}

void TargetList::begin(const TargetWord& word) {
  std::shared_ptr<const ScanList> scans;
  if (!word.ports.empty() && planner_) {
    const auto ports = good_ports(word);
    if (ports.empty()) return;
    auto planned = planner_(ports);
    if (!planned) return;
    scans = std::move(*planned);
  } else if (!word.ports.empty() && !std::exchange(told_of_ports_, true)) {
    warn_("WARNING: ports of targets mean nothing where no ports are scanned.");
  }
  auto parsed = parse_target_expression(word.text, family_);
  if (const auto* const reason = std::get_if<std::string>(&parsed)) return warn_(*reason);
  auto& taken = std::get<TargetExpression>(parsed);
  if (!taken.warning.empty()) warn_(taken.warning);
  unsigned zone = 0;
  if (!taken.zone.empty()) {
    zone = ::if_nametoindex(taken.zone.c_str());
    if (zone == 0) return warn_(fmt::format("Failed to resolve \"{}\".", word.text));
  }
  if (auto* const block = std::get_if<TargetBlock>(&taken.what)) {
    for (TargetBlock& part : within_scope(std::move(*block))) {
      blocks_.push_back({.addresses = std::move(part), .named = {}, .scans = scans, .zone = zone});
    }
  } else {
    begin_name(std::get<NamedTarget>(taken.what), scans);
  }
}

// A large block is cut to what the scope has of it, rather than passed over address by address.
std::vector<TargetBlock> TargetList::within_scope(TargetBlock block) {
  constexpr Uint128 kLarge = 65536;
  std::vector<TargetBlock> parts;
  if (!scope_->has_scope() || block.size() <= kLarge || !block.is_contiguous()) {
    parts.push_back(std::move(block));
    return parts;
  }
  const IpAddress first = block.at(0);
  const IpAddress last = block.at(block.size() - 1);
  Uint128 kept = 0;
  const auto keep = [&](const IpAddress& start, unsigned length) {
    parts.push_back(block_around(start, length));
    kept += parts.back().size();
  };
  if (first.is_v4()) {
    Ipv4Set set;
    set.add(Ipv4Set::Range{first.v4(), last.v4()});
    set.intersect(scope_->scope().v4);
    for_each_prefix(set, [&](const Ipv4Prefix& prefix) { keep(prefix.first(), prefix.length()); });
  } else {
    Ipv6Set set;
    set.add(Ipv6Set::Range{first.v6(), last.v6()});
    set.intersect(scope_->scope().v6);
    for_each_prefix(set, [&](const Ipv6Prefix& prefix) { keep(prefix.first(), prefix.length()); });
  }
  const Uint128 outside = block.size() - kept + left_out_.outside;
  left_out_.outside = static_cast<std::uint64_t>(std::min<Uint128>(outside, ~std::uint64_t{0}));
  return parts;
}

void TargetList::begin_name(const NamedTarget& named,
                            const std::shared_ptr<const ScanList>& scans) {
  const auto answer = resolver_->resolve(named.name, family_);
  if (*is_stopped_) return;
  if (answer.addresses.empty()) {
    if (answer.has_other_family) {
      const bool v6 = family_ == AddressFamily::V6;
      warn_(fmt::format(
          "Warning: Hostname {} resolves, but not to any {} address. Try scanning with{} -6",
          named.name, v6 ? "IPv6" : "IPv4", v6 ? "out" : ""));
    }
    return warn_(fmt::format("Failed to resolve \"{}\".", named.name));
  }
  const std::size_t used = resolve_all_ ? answer.addresses.size() : 1;
  for (std::size_t i = 0; i < used; ++i) {
    const IpAddress& address = answer.addresses[i];
    Block block{.addresses = block_around(address, named.length),
                .named = address,
                .name = named.name,
                .scans = scans};
    for (const IpAddress& other : answer.addresses) {
      if (other != address) block.others.push_back(other);
    }
    blocks_.push_back(std::move(block));
  }
}

void TargetList::add_excluded(const TargetBlock& block) {
  if (!block.is_contiguous()) {
    excluded_blocks_.push_back(block);
    return;
  }
  const IpAddress first = block.at(0);
  const IpAddress last = block.at(block.size() - 1);
  if (first.is_v4()) {
    excluded_.v4.add({first.v4(), last.v4()});
  } else {
    excluded_.v6.add({first.v6(), last.v6()});
  }
}

bool TargetList::is_excluded(const IpAddress& address) {
  if (address.is_v4() ? excluded_.v4.contains(address.v4()) : excluded_.v6.contains(address.v6())) {
    return true;
  }
  if (std::ranges::any_of(excluded_blocks_, [&address](const TargetBlock& block) {
        return block.contains(address);
      })) {
    return true;
  }
  if (!scope_->has_limits()) return false;
  const bool is_outside = scope_->is_outside(address);
  const bool is_blocked = !is_outside && scope_->is_blocked(address);
  if (is_outside) ++left_out_.outside;
  if (is_blocked) ++left_out_.blocked;
  return is_outside || is_blocked;
}

std::optional<AuditTarget> TargetList::next_at_random() {
  while (random_targets_ && !*is_stopped_) {
    const auto address = random_targets_->next();
    if (!address) break;
    if (is_excluded(*address) || (unique_ && !seen_.insert(*address).second)) {
      random_targets_->put_back();
      continue;
    }
    return AuditTarget{.ip = *address, .name = {}, .others = {}};
  }
  return std::nullopt;
}

std::optional<AuditTarget> TargetList::next_in_order() {
  while (!*is_stopped_) {
    while (blocks_.empty()) {
      const auto word = next_word();
      if (!word) return next_at_random();
      begin(*word);
    }
    Block& block = blocks_.front();
    if (block.next == block.addresses.size()) {
      blocks_.pop_front();
      continue;
    }
    AuditTarget target{.ip = block.addresses.at(block.next++),
                       .name = {},
                       .others = {},
                       .scans = block.scans,
                       .zone = block.zone};
    if (is_excluded(target.ip) || (unique_ && !seen_.insert(target.ip).second)) continue;
    // How much of a pipe was read ahead is chance, so which of its ports are done is not known.
    if (!(target.scans && reads_pipe_) && take_seen(skipped_, target.ip)) continue;
    if (block.named == target.ip) {
      target.name = block.name;
      target.others = block.others;
    }
    return target;
  }
  return std::nullopt;
}

void TargetList::tell_left_out() const {
  const auto tell = [this](std::uint64_t count, std::string_view why) {
    if (count == 0) return;
    warn_(fmt::format("{} {} left alone: {}.", count, count == 1 ? "target was" : "targets were",
                      why));
  };
  tell(left_out_.blocked, "blocked by a list of trawl.conf");
  tell(left_out_.outside, "outside of the scope");
}

double TargetList::remaining() const {
  auto count = static_cast<double>(shuffled_.size());
  for (const Block& block : blocks_) {
    count += static_cast<double>(block.addresses.size() - block.next);
  }
  if (random_targets_) count += static_cast<double>(random_targets_->left());
  for (const TargetWord& word : words_) {
    const auto parsed = parse_target_expression(word.text, family_);
    const auto* const taken = std::get_if<TargetExpression>(&parsed);
    if (taken == nullptr) continue;
    const auto* const block = std::get_if<TargetBlock>(&taken->what);
    count += block == nullptr ? 1 : static_cast<double>(block->size());
  }
  return count;
}

std::optional<AuditTarget> TargetList::next() {
  if (*is_stopped_) return std::nullopt;
  if (!randomize_) return next_in_order();
  if (shuffled_.empty()) {
    while (shuffled_.size() < kShuffledTogether) {
      auto target = next_in_order();
      if (!target) break;
      shuffled_.push_back(std::move(*target));
    }
    std::ranges::shuffle(shuffled_, random_);
  }
  if (shuffled_.empty()) return std::nullopt;
  AuditTarget target = std::move(shuffled_.back());
  shuffled_.pop_back();
  return target;
}

}  // namespace trawl::control
