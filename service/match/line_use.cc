#include "service/match/line_use.h"

#include <algorithm>
#include <cstring>

namespace trawl::service {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_same_letter(char a, char b) noexcept { return lower(a) == lower(b); }

}  // namespace

bool LineUse::allows_begin(std::string_view response, std::span<const ByteSet> all) const noexcept {
  const std::size_t places = std::min(response.size(), sets.size());
  for (std::size_t i = 0; i < places; ++i) {
    if (!all[sets[i]].has(static_cast<unsigned char>(response[i]))) return false;
  }
  return true;
}

bool LineUse::allows_rest(std::string_view response) const noexcept {
  if (response.size() < least) return false;
  if (fixed_size == 0) return true;
  if (response.size() < offset || response.size() - offset < fixed_size) return false;
  const std::string_view there = response.substr(offset, fixed_size);
  return ignores_case ? std::equal(there.begin(), there.end(), fixed.begin(), is_same_letter)
                      : std::equal(there.begin(), there.end(), fixed.begin());
}

void LineUse::set_fixed(std::string_view bytes) noexcept {
  fixed_size = static_cast<std::uint8_t>(std::min(bytes.size(), fixed.size()));
  std::copy_n(bytes.begin(), fixed_size, fixed.begin());
}

void LineUse::save(PackWriter& writer) const {
  writer.number(line);
  writer.number(ignores_case ? 1 : 0);
  writer.number(least);
  for (std::size_t i = 0; i < sets.size(); i += 2) {
    writer.number(sets[i] | std::uint32_t{sets[i + 1]} << 16U);
  }
  writer.number(offset);
  writer.bytes({fixed.data(), fixed_size});
}

bool LineUse::load(PackReader& reader) {
  line = reader.number();
  ignores_case = reader.number() != 0;
  least = reader.number();
  for (std::size_t i = 0; i < sets.size(); i += 2) {
    const std::uint32_t two = reader.number();
    sets[i] = static_cast<std::uint16_t>(two & 0xffffU);
    sets[i + 1] = static_cast<std::uint16_t>(two >> 16U);
  }
  offset = reader.number();
  const std::string_view bytes = reader.bytes();
  set_fixed(bytes);
  return bytes.size() <= fixed.size() && reader.is_good();
}

bool stands_in(std::string_view text, bool ignores_case, std::string_view response) noexcept {
  if (!ignores_case) {
    return ::memmem(response.data(), response.size(), text.data(), text.size()) != nullptr;
  }
  return std::search(response.begin(), response.end(), text.begin(), text.end(), is_same_letter) !=
         response.end();
}

}  // namespace trawl::service
