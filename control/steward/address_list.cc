#include "control/steward/address_list.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/steward/sha256.h"
#include "control/survey/target_spec.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

Failure bad_line(std::string_view name, std::uint64_t line, std::string_view what) {
  return fail(ExitCode::BadInput, fmt::format("{}:{}: {}", name, line, what));
}

// The largest prefix that starts at `first` and ends at or before `last`.
template <typename Address>
Prefix<Address> largest_prefix(Address first, Address last) {
  unsigned length = Address::kBits;
  while (length > 0) {
    const Prefix<Address> wider{first, length - 1};
    if (wider.first() != first || wider.last() > last) break;
    --length;
  }
  return Prefix<Address>{first, length};
}

template <typename Address>
void visit_prefixes(const IntervalSet<Address>& set,
                    const std::function<void(const Prefix<Address>&)>& visit) {
  for (const auto& range : set.intervals()) {
    for (Address first = range.first;;) {
      const Prefix<Address> prefix = largest_prefix(first, range.last);
      visit(prefix);
      if (prefix.last() == range.last) break;
      first = Address{static_cast<typename Address::Value>(prefix.last().value() + 1)};
    }
  }
}

// Hands out the list's text in pieces of some kilobytes.
void write_text(const AddressList& list, const std::function<void(std::string_view)>& take) {
  constexpr std::size_t kPiece = 65536;
  std::string piece;
  const auto add = [&](const auto& prefix) {
    piece += prefix.to_string();
    piece += '\n';
    if (piece.size() < kPiece) return;
    take(piece);
    piece.clear();
  };
  for_each_prefix(list.v4, add);
  for_each_prefix(list.v6, add);
  take(piece);
}

// Adds the entries of a word without white space; commas stand between them.
Result<void> add_word(std::string_view word, std::string_view name, std::uint64_t line,
                      AddressList& into) {
  if (word.find(':') == std::string_view::npos) {
    if (std::ranges::all_of(word, [](char c) { return c == ','; })) return {};
    if (auto parsed = parse_targets(word, {}, into.v4)) return {};
    AddressList ignored;  // Once more, now that the place has to be named.
    return parse_targets(word, fmt::format("{}:{}", name, line), ignored.v4);
  }
  while (!word.empty()) {
    const std::size_t comma = word.find(',');
    const std::string_view piece = word.substr(0, comma);
    word.remove_prefix(comma == std::string_view::npos ? word.size() : comma + 1);
    if (piece.empty()) continue;
    if (piece.find(':') == std::string_view::npos) {
      if (auto added = add_word(piece, name, line, into); !added) return added;
    } else if (const auto fault = add_ipv6_spec(piece, into.v6)) {
      return bad_line(name, line, *fault);
    }
  }
  return {};
}

// Calls visit(word, line) for each word of a line until one fails or is enough.
template <typename Visit>
Result<void> for_each_word(std::string_view content, std::string_view name, Visit visit) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (content.starts_with(kMark)) content.remove_prefix(kMark.size());
  for (std::uint64_t number = 1; !content.empty(); ++number) {
    const std::size_t end = content.find('\n');
    std::string_view line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (line.size() > kLongestLine) {
      return bad_line(name, number,
                      fmt::format("the line is longer than {} bytes; put one entry on each line",
                                  kLongestLine));
    }
    for (const char c : line) {
      if (static_cast<unsigned char>(c) >= 0x20 || is_space(c)) continue;
      return bad_line(name, number,
                      fmt::format("the byte 0x{:02x} is not text; give a text file with an "
                                  "address, prefix or range on each line",
                                  static_cast<unsigned char>(c)));
    }
    line = line.substr(0, line.find('#'));
    while (!line.empty()) {
      const auto length =
          static_cast<std::size_t>(std::ranges::find_if(line, is_space) - line.begin());
      if (length > 0) {
        if (Result<void> visited = visit(line.substr(0, length), number); !visited) return visited;
      }
      line.remove_prefix(std::min(length + 1, line.size()));
    }
  }
  return {};
}

Failure unreadable(std::string_view path, std::string_view why) {
  return fail(ExitCode::BadInput,
              fmt::format("{}: cannot be read: {}; check the path and its permissions", path, why));
}

Result<std::string> read_open_file(int fd, const std::string& path, std::size_t most) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return unreadable(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "it is not a regular file");
  std::string content;
  constexpr std::size_t kPiece = std::size_t{1} << 18U;
  for (;;) {
    const std::size_t held = content.size();
    content.resize(held + kPiece);
    const ssize_t got = ::read(fd, content.data() + held, kPiece);
    if (got < 0 && errno != EINTR) return unreadable(path, std::strerror(errno));
    content.resize(held + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return content;
    if (content.size() > most) {
      return fail(
          ExitCode::BadInput,
          fmt::format("{}: holds more than {} bytes; split it or merge its prefixes", path, most));
    }
  }
}

}  // namespace

std::optional<AnyAddress> parse_any_address(std::string_view text) {
  if (const auto v4 = Ipv4Address::parse(text)) return *v4;
  if (const auto v6 = Ipv6Address::parse(text)) return *v6;
  return std::nullopt;
}

std::string to_string(const AnyAddress& address) {
  return std::visit([](auto each) { return each.to_string(); }, address);
}

void AddressList::add(const AddressList& other) {
  v4.add(other.v4);
  v6.add(other.v6);
}

bool AddressList::contains(const AnyAddress& address) const {
  if (const auto* ipv4 = std::get_if<Ipv4Address>(&address)) return v4.contains(*ipv4);
  return v6.contains(std::get<Ipv6Address>(address));
}

std::string AddressList::to_text() const {
  std::string text;
  write_text(*this, [&text](std::string_view piece) { text += piece; });
  return text;
}

std::string AddressList::digest() const {
  Sha256 digest;
  write_text(*this, [&digest](std::string_view piece) { digest.update(piece); });
  return digest.hex();
}

void for_each_prefix(const Ipv4Set& set, const std::function<void(const Ipv4Prefix&)>& visit) {
  visit_prefixes(set, visit);
}

void for_each_prefix(const Ipv6Set& set, const std::function<void(const Ipv6Prefix&)>& visit) {
  visit_prefixes(set, visit);
}

Result<void> parse_address_list(std::string_view content, std::string_view name,
                                AddressList& into) {
  return for_each_word(content, name, [&](std::string_view word, std::uint64_t line) {
    return add_word(word, name, line, into);
  });
}

Result<std::vector<std::optional<ListEntry>>> find_entries(std::string_view content,
                                                           std::string_view name,
                                                           std::span<const AnyAddress> addresses) {
  std::vector<std::optional<ListEntry>> found(addresses.size());
  const auto parsed =
      for_each_word(content, name, [&](std::string_view word, std::uint64_t line) -> Result<void> {
        AddressList entry;
        if (auto added = add_word(word, name, line, entry); !added) return added;
        for (std::size_t i = 0; i < addresses.size(); ++i) {
          if (found[i] || !entry.contains(addresses[i])) continue;
          found[i] = ListEntry{line, std::string{word}};
        }
        return {};
      });
  if (!parsed) return Failure{parsed.error()};
  return found;
}

Result<std::string> read_whole_file(const std::string& path, std::size_t most) {
  // Opening a FIFO that nobody writes to must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable(path, std::strerror(errno));
  auto content = read_open_file(fd, path, most);
  ::close(fd);
  return content;
}

}  // namespace trawl::control
