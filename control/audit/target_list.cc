#include "control/audit/target_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLongestExpression = 1024;
constexpr std::size_t kShuffledTogether = 16'384;  // As Nmap does.

bool is_blank(int c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

std::string cannot_open(std::string_view kind, const std::string& path) {
  const int error = errno;
  return fmt::format("Failed to open {} file {} for reading: {} ({})", kind, path,
                     std::strerror(error), error);
}

}  // namespace

class TargetList::File {
 public:
  explicit File(std::FILE* file) noexcept : file_{file} {}
  ~File() {
    if (file_ != stdin) std::fclose(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] static FilePointer open(const std::string& path) {
    std::FILE* const file = path == "-" ? stdin : std::fopen(path.c_str(), "re");
    return FilePointer{file == nullptr ? nullptr : new File{file}};
  }

  // "" behind the last. One that is too long is cut, and then means nothing.
  [[nodiscard]] std::string next() {
    std::string word;
    for (int c = std::getc(file_);; c = std::getc(file_)) {
      if (c == '#') {
        while (c != EOF && c != '\n') c = std::getc(file_);
      }
      if (c == EOF || is_blank(c)) {
        if (c == EOF || !word.empty()) return word;
      } else if (word.size() <= kLongestExpression) {
        word += static_cast<char>(c);
      }
    }
  }

 private:
  std::FILE* file_;
};

void TargetList::Closer::operator()(File* file) const noexcept { delete file; }

TargetList::TargetList(const AuditOptions& options, std::shared_ptr<service::NameResolver> resolver,
                       Warn warn)
    : family_{options.ipv6 ? AddressFamily::V6 : AddressFamily::V4},
      resolve_all_{options.resolve_all},
      unique_{options.unique},
      randomize_{options.randomize_hosts},
      resolver_{std::move(resolver)},
      warn_{std::move(warn)},
      expressions_(options.targets.begin(), options.targets.end()) {}

AuditResult<TargetList> TargetList::open(const AuditOptions& options,
                                         std::shared_ptr<service::NameResolver> resolver,
                                         Warn warn) {
  TargetList list{options, std::move(resolver), std::move(warn)};
  for (const std::string& path : options.target_files) {
    auto file = File::open(path);
    if (!file) return bad_value(cannot_open("input", path));
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

AuditResult<void> TargetList::exclude_words(const std::string& path) {
  const auto file = File::open(path);
  if (!file) return bad_value(cannot_open("exclude", path));
  for (std::string word = file->next(); !word.empty(); word = file->next()) {
    if (auto taken = exclude(word); !taken) return taken;
  }
  return {};
}

AuditResult<void> TargetList::exclude(std::string_view text) {
  auto parsed = parse_target_expression(text, family_);
  if (auto* const reason = std::get_if<std::string>(&parsed)) return bad_value(std::move(*reason));
  auto& expression = std::get<TargetExpression>(parsed);
  if (!expression.warning.empty()) return bad_value(std::move(expression.warning));
  if (auto* const block = std::get_if<TargetBlock>(&expression.what)) {
    excluded_.push_back(std::move(*block));
    return {};
  }
  const auto& named = std::get<NamedTarget>(expression.what);
  const auto answer = resolver_->resolve(named.name, family_);
  if (answer.addresses.empty()) {
    return bad_value(
        fmt::format("Error resolving name \"{}\": Name or service not known", named.name));
  }
  for (const IpAddress& address : answer.addresses) {
    excluded_.push_back(block_around(address, named.length));
  }
  return {};
}

std::optional<std::string> TargetList::next_expression() {
  if (!expressions_.empty()) {
    std::string expression = std::move(expressions_.front());
    expressions_.pop_front();
    return expression;
  }
  for (; !files_.empty(); files_.pop_front()) {
    if (std::string word = files_.front()->next(); !word.empty()) return word;
  }
  return std::nullopt;
}

void TargetList::begin(const std::string& expression) {
  auto parsed = parse_target_expression(expression, family_);
  if (const auto* const reason = std::get_if<std::string>(&parsed)) return warn_(*reason);
  auto& taken = std::get<TargetExpression>(parsed);
  if (!taken.warning.empty()) warn_(taken.warning);
  if (auto* const block = std::get_if<TargetBlock>(&taken.what)) {
    blocks_.push_back({.addresses = std::move(*block), .named = {}});
  } else {
    begin_name(std::get<NamedTarget>(taken.what));
  }
}

void TargetList::begin_name(const NamedTarget& named) {
  const auto answer = resolver_->resolve(named.name, family_);
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
    Block block{
        .addresses = block_around(address, named.length), .named = address, .name = named.name};
    for (const IpAddress& other : answer.addresses) {
      if (other != address) block.others.push_back(other);
    }
    blocks_.push_back(std::move(block));
  }
}

bool TargetList::is_excluded(const IpAddress& address) const noexcept {
  return std::ranges::any_of(
      excluded_, [&address](const TargetBlock& block) { return block.contains(address); });
}

std::optional<AuditTarget> TargetList::next_in_order() {
  for (;;) {
    while (blocks_.empty()) {
      const auto expression = next_expression();
      if (!expression) return std::nullopt;
      begin(*expression);
    }
    Block& block = blocks_.front();
    if (block.next == block.addresses.size()) {
      blocks_.pop_front();
      continue;
    }
    AuditTarget target{.ip = block.addresses.at(block.next++), .name = {}, .others = {}};
    if (is_excluded(target.ip) || (unique_ && !seen_.insert(target.ip).second)) continue;
    if (block.named == target.ip) {
      target.name = block.name;
      target.others = block.others;
    }
    return target;
  }
}

std::optional<AuditTarget> TargetList::next() {
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
