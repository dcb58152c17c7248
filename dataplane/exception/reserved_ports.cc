#include "dataplane/exception/reserved_ports.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <utility>

#include "dataplane/exception/locked_file.h"

namespace trawl::dataplane {
namespace {

constexpr const char* kSysctl = "/proc/sys/net/ipv4/ip_local_reserved_ports";

std::optional<unsigned> parse_port(std::string_view text) noexcept {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port > 0xffff)
    return std::nullopt;
  return port;
}

std::optional<PortRange> parse_range(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

// The text without its line feed; nullopt where it can not be read.
std::optional<std::string> read_sysctl() {
  const int fd = open(kSysctl, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  std::array<char, 4096> part{};
  ssize_t got = 0;
  while ((got = read(fd, part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  close(fd);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The error number, 0 when it went well.
int write_sysctl(const std::string& text) noexcept {
  const int fd = open(kSysctl, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const std::string line = text + "\n";
  const bool whole = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int error = whole ? 0 : errno;
  close(fd);
  return error;
}

// Not named like a claim: those begin with a digit. The cookie makes it this namespace's alone.
std::string path_of_notes() {
  const NetworkNamespace space = NetworkNamespace::current();
  return fmt::format("{}/ports.{}.{}", LockedFile::kFolder, space.inode, space.cookie);
}

}  // namespace

PortList PortList::parse(std::string_view text) {
  PortList list;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (const auto range = parse_range(text.substr(0, comma))) list.add(*range);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return list;
}

void PortList::add(PortRange range) {
  std::vector<PortRange> merged;
  for (const PortRange& other : ranges_) {
    const bool touches = unsigned{other.first} <= range.last + 1U && range.first <= other.last + 1U;
    if (!touches) {
      merged.push_back(other);
      continue;
    }
    range = {std::min(range.first, other.first), std::max(range.last, other.last)};
  }
  merged.push_back(range);
  std::ranges::sort(merged, {}, &PortRange::first);
  ranges_ = std::move(merged);
}

void PortList::remove(PortRange range) {
  std::vector<PortRange> left;
  for (const PortRange& other : ranges_) {
    if (other.last < range.first || range.last < other.first) {
      left.push_back(other);
      continue;
    }
    if (other.first < range.first) {
      left.push_back({other.first, static_cast<std::uint16_t>(range.first - 1U)});
    }
    if (range.last < other.last) {
      left.push_back({static_cast<std::uint16_t>(range.last + 1U), other.last});
    }
  }
  ranges_ = std::move(left);
}

std::string PortList::to_string() const {
  std::string text;
  for (const PortRange& range : ranges_) {
    text += text.empty() ? "" : ",";
    text += range.first == range.last ? fmt::format("{}", range.first)
                                      : fmt::format("{}-{}", range.first, range.last);
  }
  return text;
}

bool operator==(const PortList& a, const PortList& b) noexcept {
  return std::ranges::equal(a.ranges_, b.ranges_, [](const PortRange& x, const PortRange& y) {
    return x.first == y.first && x.last == y.last;
  });
}

ReservationNotes ReservationNotes::parse(const std::string& text) {
  ReservationNotes notes;
  std::istringstream lines{text};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words{line};
    std::string key, value, ports;
    words >> key >> value >> ports;
    if (key == "original") notes.original = value;
    if (key == "written") notes.written = value;
    if (key != "holder") continue;
    if (const auto range = parse_range(ports)) notes.holders.push_back({value, *range});
  }
  return notes;
}

std::string ReservationNotes::to_string() const {
  std::string text = fmt::format("original {}\nwritten {}\n", original, written);
  for (const Holder& holder : holders) {
    text +=
        fmt::format("holder {} {}-{}\n", holder.interface, holder.ports.first, holder.ports.last);
  }
  return text;
}

bool ReservationNotes::release(const std::string& interface) {
  return std::erase_if(holders,
                       [&](const Holder& holder) { return holder.interface == interface; }) != 0;
}

std::string ReservationNotes::wanted(const std::string& current,
                                     const std::vector<PortRange>& released) const {
  const PortList now = PortList::parse(current);
  const PortList before = PortList::parse(original);
  const bool untouched = now == PortList::parse(written) || now == before;
  if (untouched && holders.empty()) return original;
  PortList list = untouched ? before : now;
  if (!untouched) {
    for (const PortRange& range : released) list.remove(range);
    for (const PortRange& range : before.ranges()) {
      // What was there before and is still said to be.
      for (const PortRange& present : now.ranges()) {
        const PortRange both{std::max(range.first, present.first),
                             std::min(range.last, present.last)};
        if (both.first <= both.last) list.add(both);
      }
    }
  }
  for (const Holder& holder : holders) list.add(holder.ports);
  return list.to_string();
}

Result<void> ReservedPorts::reserve(const std::string& interface, PortRange ports) {
  LockedFile file;
  (void)file.open(path_of_notes(), LockedFile::Wait::Yes);
  const auto current = read_sysctl();
  const auto failed = [&](int error) {
    return fail(ExitCode::Device,
                fmt::format("ports {}-{} can not be reserved in {} ({})", ports.first, ports.last,
                            kSysctl, std::strerror(error)));
  };
  if (!current) return failed(errno);
  const std::string text = file.read();
  ReservationNotes notes = ReservationNotes::parse(text);
  if (notes.holders.empty()) notes = {.original = *current, .written = *current, .holders = {}};
  notes.release(interface);
  notes.holders.push_back({interface, ports});
  notes.written = notes.wanted(*current, {});
  if (file.is_open() && !file.write(notes.to_string())) return failed(ENOSPC);
  if (const int error = write_sysctl(notes.written); error != 0) {
    notes.release(interface);
    if (notes.holders.empty()) {
      file.remove();
    } else {
      notes.written = *current;
      (void)file.write(notes.to_string());
    }
    return failed(error);
  }
  return {};
}

bool ReservedPorts::give_back(const std::string& interface) {
  const std::string path = path_of_notes();
  if (access(path.c_str(), F_OK) != 0) return false;
  LockedFile file;
  if (file.open(path, LockedFile::Wait::Yes) != LockedFile::Status::Locked) return false;
  ReservationNotes notes = ReservationNotes::parse(file.read());
  std::vector<PortRange> released;
  for (const auto& holder : notes.holders) {
    if (holder.interface == interface) released.push_back(holder.ports);
  }
  const bool held = notes.release(interface);
  const auto current = read_sysctl();
  if (held && current) {
    const std::string wanted = notes.wanted(*current, released);
    if (wanted != *current) (void)write_sysctl(wanted);
    notes.written = wanted;
  }
  if (notes.holders.empty()) {
    file.remove();
  } else if (held) {
    (void)file.write(notes.to_string());
  }
  return held;
}

void ReservedPorts::forget_the_gone() noexcept {
  const NetworkNamespace space = NetworkNamespace::current();
  if (space.inode == 0 || space.cookie == 0) return;
  const std::string prefix = fmt::format("ports.{}.", space.inode);
  const std::string own = fmt::format("{}{}", prefix, space.cookie);
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{LockedFile::kFolder, none}) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name != own) std::filesystem::remove(entry.path(), none);
  }
}

}  // namespace trawl::dataplane
