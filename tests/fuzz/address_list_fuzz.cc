#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "control/steward/address_list.h"
#include "tests/fuzz/error_check.h"
#include "tests/fuzz/many_ranges.h"

namespace {

using namespace trawl::control;

bool same(const AddressList& a, const AddressList& b) {
  return std::ranges::equal(a.v4.intervals(), b.v4.intervals()) &&
         std::ranges::equal(a.v6.intervals(), b.v6.intervals());
}

bool parses_to(std::string_view content, const AddressList& want) {
  AddressList list;
  return parse_address_list(content, "again", list) && same(list, want);
}

// An address of the list is found in an entry of it, and no other is.
void check_find(std::string_view content, const AddressList& list) {
  std::vector<AnyAddress> addresses{*parse_any_address("9.9.9.9"), *parse_any_address("2a00::1")};
  if (!list.v4.empty()) addresses.emplace_back(list.v4.intervals().back().last);
  if (!list.v6.empty()) addresses.emplace_back(list.v6.intervals().front().first);
  const auto found = find_entries(content, "list.txt", addresses);
  if (!found) std::abort();
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if ((*found)[i].has_value() != list.contains(addresses[i])) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content{reinterpret_cast<const char*>(data), size};
  if (trawl::has_many_ranges(content)) return 0;
  AddressList list;
  const auto parsed = parse_address_list(content, "list.txt", list);
  if (!parsed) {
    trawl::check_error(parsed.error(), trawl::ExitCode::BadInput);
    if (!parsed.error().message.starts_with("list.txt:")) std::abort();
    return 0;
  }
  check_find(content, list);
  if (list.v4.intervals().size() < 1000 && !parses_to(list.to_text(), list)) std::abort();
  const std::string once{content};
  if (!once.starts_with("\xef\xbb\xbf") && !parses_to("\xef\xbb\xbf" + once, list)) std::abort();
  return 0;
}
