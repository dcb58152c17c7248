#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <clocale>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string_view>

#include "nse/module/native_modules.h"

// Nmap's pcre is a binding of the older PCRE, by whose numbers scripts name options: here they are
// turned into PCRE2's.
namespace trawl::nse {
namespace {

constexpr const char* kRegexType = "pcre_regex_handle";
constexpr std::size_t kMostPattern = std::size_t{1} << 20U;  // Bytes.

struct Option {
  const char* name;
  std::uint32_t number;      // The older library's.
  std::uint32_t at_compile;  // Ours, 0 where it is none.
  std::uint32_t at_matching;
};
// pcreapi(3). Those without a counterpart are accepted where they change nothing any more.
constexpr std::array kOptions{
    Option{"CASELESS", 0x1, PCRE2_CASELESS, 0},
    Option{"MULTILINE", 0x2, PCRE2_MULTILINE, 0},
    Option{"DOTALL", 0x4, PCRE2_DOTALL, 0},
    Option{"EXTENDED", 0x8, PCRE2_EXTENDED, 0},
    Option{"ANCHORED", 0x10, PCRE2_ANCHORED, PCRE2_ANCHORED},
    Option{"DOLLAR_ENDONLY", 0x20, PCRE2_DOLLAR_ENDONLY, 0},
    Option{"EXTRA", 0x40, 0, 0},
    Option{"NOTBOL", 0x80, 0, PCRE2_NOTBOL},
    Option{"NOTEOL", 0x100, 0, PCRE2_NOTEOL},
    Option{"UNGREEDY", 0x200, PCRE2_UNGREEDY, 0},
    Option{"NOTEMPTY", 0x400, 0, PCRE2_NOTEMPTY},
    Option{"UTF8", 0x800, PCRE2_UTF, 0},
    Option{"NO_AUTO_CAPTURE", 0x1000, PCRE2_NO_AUTO_CAPTURE, 0},
    Option{"NO_UTF8_CHECK", 0x2000, 0, 0},  // The check stays: without, bad text is unsafe.
    Option{"AUTO_CALLOUT", 0x4000, PCRE2_AUTO_CALLOUT, 0},
    Option{"PARTIAL", 0x8000, 0, PCRE2_PARTIAL_SOFT},
    Option{"DFA_SHORTEST", 0x10000, 0, 0},
    Option{"DFA_RESTART", 0x20000, 0, 0},
    Option{"FIRSTLINE", 0x40000, PCRE2_FIRSTLINE, 0},
    Option{"DUPNAMES", 0x80000, PCRE2_DUPNAMES, 0},
    Option{"NEWLINE_CR", 0x100000, 0, 0},
    Option{"NEWLINE_LF", 0x200000, 0, 0},
    Option{"NEWLINE_CRLF", 0x300000, 0, 0},
    Option{"NEWLINE_ANY", 0x400000, 0, 0},
    Option{"NEWLINE_ANYCRLF", 0x500000, 0, 0},
    Option{"BSR_ANYCRLF", 0x800000, 0, 0},
    Option{"BSR_UNICODE", 0x1000000, 0, 0},
};
constexpr std::uint32_t kNewlines = 0x700000;   // The bits that tell what ends a line...
constexpr std::array<std::uint32_t, 6> kNewline{// ...and what they mean.
                                                PCRE2_NEWLINE_LF,  PCRE2_NEWLINE_CR,
                                                PCRE2_NEWLINE_LF,  PCRE2_NEWLINE_CRLF,
                                                PCRE2_NEWLINE_ANY, PCRE2_NEWLINE_ANYCRLF};
constexpr std::uint32_t kBsrAnyCrlf = 0x800000;
constexpr std::uint32_t kBsrUnicode = 0x1000000;
// NOTBOL, NOTEOL, NOTEMPTY, PARTIAL and DFA's are none of compilation.
constexpr std::uint32_t kForCompile = 0x1FC7A7F;
constexpr std::uint32_t kForMatching = 0x1F0A590;

struct FreeWith {
  void operator()(pcre2_code* it) const { pcre2_code_free(it); }
  void operator()(pcre2_match_data* it) const { pcre2_match_data_free(it); }
  void operator()(pcre2_compile_context* it) const { pcre2_compile_context_free(it); }
  void operator()(const std::uint8_t* it) const { pcre2_maketables_free(nullptr, it); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeWith>;

// The contents of a userdata.
struct Regex {
  Owned<const std::uint8_t> tables{};  // Of characters, by a locale.
  Owned<pcre2_code> code{};
};

std::string_view check_text(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

Regex& check_regex(lua_State* lua) {
  return *static_cast<Regex*>(luaL_checkudata(lua, 1, kRegexType));
}

std::uint32_t flags_at(lua_State* lua, int index) {
  return static_cast<std::uint32_t>(luaL_optinteger(lua, index, 0));
}

// Character tables of a locale, without a change of the program's.
Owned<const std::uint8_t> tables_of(lua_State* lua, const char* name) {
  const locale_t locale = newlocale(LC_CTYPE_MASK, name, nullptr);
  if (locale == nullptr) luaL_error(lua, "cannot set locale");
  const locale_t before = uselocale(locale);
  Owned<const std::uint8_t> tables{pcre2_maketables(nullptr)};
  uselocale(before);
  freelocale(locale);
  return tables;
}

int raise_compile_error(lua_State* lua, int error, std::size_t offset) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return luaL_error(lua, "%s (pattern offset: %d)", reinterpret_cast<const char*>(text.data()),
                    static_cast<int>(offset + 1));
}

void set_line_ends(pcre2_compile_context* context, std::uint32_t flags) {
  const std::uint32_t newline = (flags & kNewlines) >> 20U;
  if (newline != 0 && newline < kNewline.size()) pcre2_set_newline(context, kNewline[newline]);
  if ((flags & kBsrAnyCrlf) != 0) pcre2_set_bsr(context, PCRE2_BSR_ANYCRLF);
  if ((flags & kBsrUnicode) != 0) pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
}

int compile_pattern(lua_State* lua) {
  const std::string_view pattern = check_text(lua, 1);
  const std::uint32_t flags = flags_at(lua, 2);
  const char* locale = luaL_optstring(lua, 3, nullptr);
  const std::uint32_t newline = (flags & kNewlines) >> 20U;
  if ((flags & ~kForCompile) != 0 || newline >= kNewline.size()) {
    return luaL_error(lua, "unknown option bit(s) set (pattern offset: 1)");
  }
  auto* const regex = new (lua_newuserdatauv(lua, sizeof(Regex), 0)) Regex{};
  luaL_setmetatable(lua, kRegexType);
  const Owned<pcre2_compile_context> context{pcre2_compile_context_create(nullptr)};
  if (context == nullptr) return luaL_error(lua, "not enough memory");
  pcre2_set_max_pattern_length(context.get(), kMostPattern);
  set_line_ends(context.get(), flags);
  if (locale != nullptr) {
    regex->tables = tables_of(lua, locale);
    pcre2_set_character_tables(context.get(), regex->tables.get());
  }
  std::uint32_t options = PCRE2_NEVER_BACKSLASH_C;  // Which is not safe in UTF-8.
  for (const Option& one : kOptions) {
    if ((flags & one.number) == one.number) options |= one.at_compile;
  }
  int error = 0;
  std::size_t offset = 0;
  regex->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                  options, &error, &offset, context.get()));
  if (regex->code == nullptr) return raise_compile_error(lua, error, offset);
  return 1;
}

// Where in `size` bytes a position counted from 1, or from the end when negative, lies.
std::size_t offset_of(lua_Integer position, std::size_t size) {
  if (position > 0) return static_cast<std::size_t>(position) - 1;
  const auto back = position == std::numeric_limits<lua_Integer>::min()
                        ? size
                        : static_cast<std::size_t>(-position);
  return position == 0 || back > size ? 0 : size - back;
}

// One search of a text.
class Search {
 public:
  Search(lua_State* lua, const Regex& regex, std::string_view text, std::uint32_t flags)
      : code_{regex.code.get()},
        text_{text},
        data_{pcre2_match_data_create_from_pattern(code_, nullptr)} {
    if (data_ == nullptr) luaL_error(lua, "not enough memory");
    usable_ = (flags & ~kForMatching) == 0;
    for (const Option& one : kOptions) {
      if ((flags & one.number) == one.number) options_ |= one.at_matching;
    }
    pcre2_pattern_info(code_, PCRE2_INFO_CAPTURECOUNT, &groups_);
  }

  // Whether there is one from `offset` on. A search that takes too long finds nothing.
  bool find(std::size_t offset) {
    if (!usable_ || offset > text_.size()) return false;
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), offset,
                       options_, data_.get(), nullptr) > 0;
  }
  [[nodiscard]] std::size_t begin(std::uint32_t group = 0) const { return ends()[2 * group]; }
  [[nodiscard]] std::size_t end(std::uint32_t group = 0) const { return ends()[2 * group + 1]; }
  [[nodiscard]] std::uint32_t groups() const noexcept { return groups_; }
  // The offset of the character behind one.
  [[nodiscard]] std::size_t after(std::size_t offset) const {
    std::uint32_t options = 0;
    pcre2_pattern_info(code_, PCRE2_INFO_ALLOPTIONS, &options);
    ++offset;
    const auto goes_on = [&] {
      return offset < text_.size() && (static_cast<unsigned char>(text_[offset]) & 0xC0U) == 0x80U;
    };
    while ((options & PCRE2_UTF) != 0 && goes_on()) ++offset;
    return offset;
  }

  // The text of a group, false for one that took no part.
  void push_group(lua_State* lua, std::uint32_t group) const {
    const std::size_t from = begin(group);
    const std::size_t to = end(group);
    if (from == PCRE2_UNSET) {
      lua_pushboolean(lua, 0);
    } else {
      lua_pushlstring(lua, text_.data() + from, to - from);
    }
  }
  // All of them by number, and by name those that have one.
  void push_groups(lua_State* lua) const {
    lua_createtable(lua, static_cast<int>(groups_), 0);
    for (std::uint32_t group = 1; group <= groups_; ++group) {
      push_group(lua, group);
      lua_rawseti(lua, -2, group);
    }
    std::uint32_t names = 0;
    std::uint32_t size = 0;
    PCRE2_SPTR entry = nullptr;
    pcre2_pattern_info(code_, PCRE2_INFO_NAMECOUNT, &names);
    pcre2_pattern_info(code_, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(code_, PCRE2_INFO_NAMETABLE, &entry);
    for (std::uint32_t i = 0; i < names; ++i, entry += size) {
      const char* const name = reinterpret_cast<const char*>(entry + 2);
      // Groups may share a name: one that took part counts.
      if (lua_getfield(lua, -1, name) != LUA_TSTRING) {
        push_group(lua, (std::uint32_t{entry[0]} << 8U) | entry[1]);
        lua_setfield(lua, -3, name);
      }
      lua_pop(lua, 1);
    }
  }
  void push_offsets(lua_State* lua) const {
    lua_createtable(lua, static_cast<int>(2 * groups_), 0);
    for (std::uint32_t group = 1; group <= groups_; ++group) {
      const bool took_part = begin(group) != PCRE2_UNSET;
      const std::size_t ends[] = {begin(group) + 1, end(group)};
      for (std::uint32_t side = 0; side < 2; ++side) {
        if (took_part) {
          lua_pushinteger(lua, static_cast<lua_Integer>(ends[side]));
        } else {
          lua_pushboolean(lua, 0);
        }
        lua_rawseti(lua, -2, 2 * group - 1 + side);
      }
    }
  }

 private:
  [[nodiscard]] const std::size_t* ends() const { return pcre2_get_ovector_pointer(data_.get()); }

  const pcre2_code* code_;
  std::string_view text_;
  Owned<pcre2_match_data> data_;
  std::uint32_t options_ = 0;
  std::uint32_t groups_ = 0;
  bool usable_ = true;
};

int search_once(lua_State* lua, bool gives_offsets) {
  const Regex& regex = check_regex(lua);
  const std::string_view text = check_text(lua, 2);
  const std::size_t from = offset_of(luaL_optinteger(lua, 3, 1), text.size());
  Search search{lua, regex, text, flags_at(lua, 4)};
  if (!search.find(from)) {
    lua_pushnil(lua);
    return 1;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(search.begin()) + 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(search.end()));
  if (gives_offsets) {
    search.push_offsets(lua);
  } else {
    search.push_groups(lua);
  }
  return 3;
}

int match_text(lua_State* lua) { return search_once(lua, false); }
int exec_text(lua_State* lua) { return search_once(lua, true); }

int match_all(lua_State* lua) {
  const Regex& regex = check_regex(lua);
  const std::string_view text = check_text(lua, 2);
  luaL_checktype(lua, 3, LUA_TFUNCTION);
  const lua_Integer most = luaL_optinteger(lua, 4, 0);
  Search search{lua, regex, text, flags_at(lua, 5)};
  lua_Integer count = 0;
  std::size_t from = 0;
  bool stops = false;
  while (!stops && (most <= 0 || count < most) && search.find(from)) {
    ++count;
    from = search.end() > search.begin() ? search.end() : search.after(search.end());
    lua_pushvalue(lua, 3);
    search.push_group(lua, 0);
    search.push_groups(lua);
    lua_call(lua, 2, 1);
    stops = lua_toboolean(lua, -1) != 0;
    lua_pop(lua, 1);
  }
  lua_pushinteger(lua, count);
  return 1;
}

int regex_text(lua_State* lua) {
  check_regex(lua);
  lua_pushfstring(lua, "%s: %p", kRegexType, lua_topointer(lua, 1));
  return 1;
}

int collect_regex(lua_State* lua) {
  Regex& regex = check_regex(lua);
  regex.code.reset();
  regex.tables.reset();
  return 0;
}

int list_flags(lua_State* lua) {
  lua_createtable(lua, 0, kOptions.size());
  for (const Option& one : kOptions) {
    lua_pushinteger(lua, one.number);
    lua_setfield(lua, -2, one.name);
  }
  return 1;
}

int library_version(lua_State* lua) {
  std::array<char, 64> text{};
  pcre2_config(PCRE2_CONFIG_VERSION, text.data());
  lua_pushstring(lua, text.data());
  return 1;
}

constexpr luaL_Reg kMethods[] = {
    {"match", match_text}, {"exec", exec_text}, {"gmatch", match_all}, {nullptr, nullptr}};
constexpr luaL_Reg kMetamethods[] = {
    {"__tostring", regex_text}, {"__gc", collect_regex}, {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"new", compile_pattern},
                                   {"flags", list_flags},
                                   {"version", library_version},
                                   {nullptr, nullptr}};

}  // namespace

int open_pcre(lua_State* lua) {
  luaL_newmetatable(lua, kRegexType);
  luaL_setfuncs(lua, kMetamethods, 0);
  lua_newtable(lua);  // Scripts see an empty one.
  lua_setfield(lua, -2, "__metatable");
  luaL_newlib(lua, kMethods);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
  luaL_newlib(lua, kFunctions);
  return 1;
}

}  // namespace trawl::nse
