#include "control/banners/port_classes.h"

#include <bit>

#include "base/hash.h"

namespace trawl::control {
namespace {

static_assert(kPortClasses < 8, "a class and one bit more are kept in four bits");

constexpr std::uint64_t kInWord = 16;
constexpr std::size_t kFirstTable = 1024;

// How much a class says.
constexpr unsigned rank(PortClass port_class) noexcept {
  switch (port_class) {
    case PortClass::Unknown: return 0;
    case PortClass::Middlebox: return 1;
    case PortClass::Accepts: return 2;
    case PortClass::Resets: return 3;
    case PortClass::ZeroWindow: return 4;
    case PortClass::Tarpit: return 5;
    case PortClass::Service: return 6;
  }
  return 0;
}

}  // namespace

PortClasses::PortClasses(std::uint64_t targets, ByteCount memory) : targets_{targets} {
  const std::uint64_t words = targets / kInWord + 1;
  const ByteCount wanted{words * sizeof(std::uint64_t)};
  if (wanted <= memory) {
    array_memory_ = ReservedMemory{wanted, wanted};
    array_ = static_cast<std::uint64_t*>(array_memory_.data());
  } else {
    table_.resize(kFirstTable);
  }
}

// Of the key, or of where it would be.
std::size_t PortClasses::slot_of(std::uint64_t index) const noexcept {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = mix64(index) & mask;
  while (table_[slot] != 0 && table_[slot] >> kClassBits != index + 1) slot = (slot + 1) & mask;
  return slot;
}

unsigned PortClasses::cell(std::uint64_t index) const {
  if (array_ != nullptr) {
    return static_cast<unsigned>(array_[index / kInWord] >> (4 * (index % kInWord)) & 15U);
  }
  return static_cast<unsigned>(table_[slot_of(index)] & 15U);
}

void PortClasses::set_cell(std::uint64_t index, unsigned value) {
  if (array_ != nullptr) {
    std::uint64_t& word = array_[index / kInWord];
    const unsigned shift = 4 * static_cast<unsigned>(index % kInWord);
    word = (word & ~(std::uint64_t{15} << shift)) | std::uint64_t{value} << shift;
    return;
  }
  std::size_t slot = slot_of(index);
  if (table_[slot] == 0) {
    if (4 * (used_ + 1) > 3 * table_.size()) {
      grow();
      slot = slot_of(index);
    }
    ++used_;
  }
  table_[slot] = (index + 1) << kClassBits | value;
}

void PortClasses::grow() {
  std::vector<std::uint64_t> larger(2 * table_.size());
  larger.swap(table_);
  for (const std::uint64_t entry : larger) {
    if (entry != 0) table_[slot_of((entry >> kClassBits) - 1)] = entry;
  }
}

void PortClasses::found(std::uint64_t index) {
  if (cell(index) != 0) return;
  set_cell(index, 1);
  ++counts_[0];
}

bool PortClasses::note(std::uint64_t index, PortClass port_class) {
  const unsigned all = cell(index);
  const unsigned before = all & ~kTold;
  const auto known = static_cast<PortClass>(before == 0 ? 0 : before - 1);
  if (before != 0) {
    if (rank(port_class) <= rank(known)) return false;
    --counts_[static_cast<std::size_t>(known)];
  }
  set_cell(index, (all & kTold) | (1 + static_cast<unsigned>(port_class)));
  ++counts_[static_cast<std::size_t>(port_class)];
  return true;
}

bool PortClasses::tell_once(std::uint64_t index) {
  const unsigned before = cell(index);
  if ((before & kTold) != 0) return false;
  set_cell(index, before | kTold);
  return true;
}

std::optional<PortClass> PortClasses::at(std::uint64_t index) const {
  const unsigned value = cell(index) & ~kTold;
  if (value == 0) return std::nullopt;
  return static_cast<PortClass>(value - 1);
}

std::optional<std::uint64_t> PortClasses::next_unknown(std::uint64_t& from) const {
  if (array_ == nullptr) {
    while (from < table_.size()) {
      const std::uint64_t entry = table_[from++];
      if ((entry & 15U) == 1) return (entry >> kClassBits) - 1;
    }
    return std::nullopt;
  }
  while (from < targets_) {
    if (from % kInWord == 0 && array_[from / kInWord] == 0) {
      from += kInWord;
      continue;
    }
    const std::uint64_t index = from++;
    if (cell(index) == 1) return index;
  }
  return std::nullopt;
}

}  // namespace trawl::control
