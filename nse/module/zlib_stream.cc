#include "nse/module/zlib_stream.h"

#include <algorithm>
#include <new>

namespace trawl::nse {
namespace {

constexpr const char* kStreamType = "zlib:zstream";
constexpr lua_Integer kAskedFor = 8192;  // Bytes, of a source.

// A stream of a script: the contents of a userdata, whose first user value is the source or the
// sink, and whose second is the piece of the source that `input` lies in.
struct Stream {
  explicit Stream(lua_State* lua) : zlib{lua} {}

  // Frees all but itself.
  void close() {
    zlib.end();
    output = {};
    taken = searched = 0;
    input = {};
  }
  [[nodiscard]] std::size_t unread() const noexcept { return output.size() - taken; }

  ZlibState zlib;
  std::string dictionary{};
  bool is_busy = false;      // A function of the script's is being called for it.
  bool ended = false;        // All of it is in `output`.
  bool source_over = false;  // Nothing more comes from it.
  std::string_view input{};
  std::string output{};
  std::size_t taken = 0;     // Of `output`, read by the script.
  std::size_t searched = 0;  // Of `output`, known to have no end of line after `taken`.
};

class Busy {
 public:
  explicit Busy(Stream& stream) : stream_{stream} { stream.is_busy = true; }
  ~Busy() { stream_.is_busy = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Stream& stream_;
};

Stream& stream_at(lua_State* lua, int index) {
  return *static_cast<Stream*>(luaL_checkudata(lua, index, kStreamType));
}

int raise_invalid(lua_State* lua) {
  return luaL_argerror(lua, 1, "attempt to use invalid zlib stream");
}

Stream& check_inflating(lua_State* lua, int index) {
  Stream& stream = stream_at(lua, index);
  if (!stream.zlib.inflates() || stream.is_busy) raise_invalid(lua);
  return stream;
}

Stream& check_deflating(lua_State* lua) {
  Stream& stream = stream_at(lua, 1);
  if (!stream.zlib.deflates() || stream.is_busy) raise_invalid(lua);
  return stream;
}

// Pushes the function to call, and the object that it is a method of if it is one; returns how many
// arguments that is.
int push_callee(lua_State* lua, int index, const char* method) {
  lua_getiuservalue(lua, index, 1);
  if (lua_isfunction(lua, -1)) return 0;
  lua_getfield(lua, -1, method);
  lua_insert(lua, -2);
  return 1;
}

// The next piece of the source.
void take_input(lua_State* lua, int index, Stream& stream) {
  if (lua_getiuservalue(lua, index, 1) == LUA_TSTRING) {  // It was `input` from the beginning.
    lua_pop(lua, 1);
    stream.source_over = true;
    return;
  }
  lua_pop(lua, 1);
  const int arguments = push_callee(lua, index, "read");
  lua_pushinteger(lua, kAskedFor);
  {
    const Busy busy{stream};
    lua_call(lua, arguments + 1, 1);
  }
  if (lua_isnoneornil(lua, -1)) {
    lua_pop(lua, 1);
    stream.source_over = true;
    return;
  }
  if (lua_isstring(lua, -1) == 0) luaL_error(lua, "inflate source must return string or nil");
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  stream.input = {text, size};
  stream.source_over = size == 0;
  lua_setiuservalue(lua, index, 2);
}

void give_dictionary(lua_State* lua, Stream& stream) {
  if (stream.dictionary.empty()) luaL_error(lua, "no inflate dictionary provided");
  if (inflateSetDictionary(&stream.zlib.stream(),
                           reinterpret_cast<const Bytef*>(stream.dictionary.data()),
                           static_cast<unsigned>(stream.dictionary.size())) != Z_OK) {
    luaL_error(lua, "call to inflateSetDictionnary failed");
  }
}

// Adds to what is unread; false at the end.
bool produce(lua_State* lua, int index, Stream& stream) {
  if (stream.taken > 0 && stream.taken >= stream.output.size() / 2) {
    stream.output.erase(0, stream.taken);
    stream.searched -= std::min(stream.searched, stream.taken);
    stream.taken = 0;
  }
  const std::size_t before = stream.output.size();
  while (!stream.ended && stream.output.size() == before) {
    if (stream.unread() >= kMostInflated) {
      stream.close();
      luaL_error(lua, "decompressed data is too long");
    }
    if (stream.input.empty() && !stream.source_over) take_input(lua, index, stream);
    const int answer =
        stream.zlib.inflate_some(stream.input, stream.output, kMostInflated - stream.unread());
    if (answer == Z_NEED_DICT) {
      give_dictionary(lua, stream);
    } else if (answer == Z_STREAM_END) {
      stream.ended = true;
    } else if (answer == Z_BUF_ERROR && stream.source_over) {  // Cut off.
      stream.ended = true;
    } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
      stream.close();
      luaL_error(lua, "failed to decompress [%d]", answer);
    }
  }
  return stream.output.size() > before;
}

// Pushes `size` bytes of what is unread.
void push_output(lua_State* lua, Stream& stream, std::size_t size) {
  lua_pushlstring(lua, stream.output.data() + stream.taken, size);
  stream.taken += size;
}

bool read_all(lua_State* lua, int index, Stream& stream) {
  while (produce(lua, index, stream)) continue;
  push_output(lua, stream, stream.unread());
  return true;
}

// Without its end: "\n" or "\r\n".
bool read_line(lua_State* lua, int index, Stream& stream) {
  std::size_t end = std::string::npos;
  do {
    stream.searched = std::max(stream.searched, stream.taken);
    end = stream.output.find('\n', stream.searched);
    if (end != std::string::npos) break;
    stream.searched = stream.output.size();
  } while (produce(lua, index, stream));
  const bool has_end = end != std::string::npos;
  if (!has_end && stream.unread() == 0) return false;
  std::size_t size = (has_end ? end : stream.output.size()) - stream.taken;
  const std::size_t skipped = has_end ? 1 : 0;
  const bool returns = has_end && size > 0 && stream.output[end - 1] == '\r';
  if (returns) --size;
  push_output(lua, stream, size);
  stream.taken += skipped + (returns ? 1 : 0);
  return true;
}

bool read_bytes(lua_State* lua, int index, Stream& stream, lua_Integer wanted) {
  const auto size = wanted < 0 ? 0 : static_cast<std::size_t>(wanted);
  // No bytes at all ask whether there are more.
  while (stream.unread() < std::max<std::size_t>(size, 1) && produce(lua, index, stream)) continue;
  if (stream.unread() == 0) return false;
  push_output(lua, stream, std::min(size, stream.unread()));
  return true;
}

// By the format in argument `format`.
bool read_one(lua_State* lua, Stream& stream, int format) {
  if (lua_type(lua, format) == LUA_TNUMBER) {
    return read_bytes(lua, 1, stream, lua_tointeger(lua, format));
  }
  const char* name = lua_tostring(lua, format);
  luaL_argcheck(lua, name != nullptr && name[0] == '*', format, "invalid option");
  switch (name[1]) {
    case 'l': return read_line(lua, 1, stream);
    case 'a': return read_all(lua, 1, stream);
    default: return luaL_argerror(lua, format, "invalid format") != 0;
  }
}

int read_stream(lua_State* lua) {
  Stream& stream = check_inflating(lua, 1);
  if (lua_gettop(lua) == 1) lua_pushliteral(lua, "*l");
  const int formats = lua_gettop(lua);
  luaL_checkstack(lua, formats + LUA_MINSTACK, "too many arguments");
  bool goes_on = true;
  for (int format = 2; format <= formats && goes_on; ++format) {
    goes_on = read_one(lua, stream, format);
    if (!goes_on) lua_pushnil(lua);
  }
  return lua_gettop(lua) - formats;
}

int next_line(lua_State* lua) {
  lua_settop(lua, 0);
  lua_pushvalue(lua, lua_upvalueindex(1));
  return read_line(lua, 1, check_inflating(lua, 1)) ? 1 : 0;
}

int stream_lines(lua_State* lua) {
  check_inflating(lua, 1);
  lua_pushvalue(lua, 1);
  lua_pushcclosure(lua, next_line, 1);
  return 1;
}

// Compresses, and gives the sink what came of it.
void put(lua_State* lua, Stream& stream, std::string_view text, int flush) {
  std::string output;
  const int answer = stream.zlib.deflate_all(text, flush, output);
  if (flush == Z_FINISH) stream.close();
  if (answer != Z_OK && answer != Z_STREAM_END) {
    stream.close();
    luaL_error(lua, "failed to compress [%d]", answer);
  }
  if (output.empty()) return;
  const int arguments = push_callee(lua, 1, "write");
  lua_pushlstring(lua, output.data(), output.size());
  const Busy busy{stream};
  lua_call(lua, arguments + 1, 0);
}

int write_stream(lua_State* lua) {
  Stream& stream = check_deflating(lua);
  const int last = lua_gettop(lua);
  for (int i = 2; i <= last; ++i) luaL_checkstring(lua, i);
  for (int i = 2; i <= last; ++i) {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, i, &size);
    put(lua, stream, {text, size}, Z_NO_FLUSH);
  }
  lua_pushboolean(lua, 1);
  return 1;
}

int flush_stream(lua_State* lua) {
  static const char* const kNames[] = {"sync", "full", "finish", nullptr};
  constexpr int kKinds[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH};
  Stream& stream = check_deflating(lua);
  put(lua, stream, {}, kKinds[luaL_checkoption(lua, 2, kNames[0], kNames)]);
  lua_pushboolean(lua, 1);
  return 1;
}

int close_stream(lua_State* lua) {
  Stream& stream = stream_at(lua, 1);
  if (stream.is_busy) return raise_invalid(lua);
  if (stream.zlib.deflates()) put(lua, stream, {}, Z_FINISH);
  stream.close();
  lua_pushboolean(lua, 1);
  return 1;
}

int adler_of_stream(lua_State* lua) {
  Stream& stream = stream_at(lua, 1);
  if (!stream.zlib.inflates() && !stream.zlib.deflates()) return raise_invalid(lua);
  lua_pushnumber(lua, static_cast<lua_Number>(stream.zlib.stream().adler));
  return 1;
}

int stream_text(lua_State* lua) {
  Stream& stream = stream_at(lua, 1);
  if (!stream.zlib.inflates() && !stream.zlib.deflates()) {
    lua_pushliteral(lua, "zlib stream (closed)");
  } else {
    lua_pushfstring(lua, "zlib %s stream (%p)", stream.zlib.inflates() ? "inflate" : "deflate",
                    lua_topointer(lua, 1));
  }
  return 1;
}

int collect_stream(lua_State* lua) {
  stream_at(lua, 1).~Stream();
  return 0;
}

// Pushes a stream on argument 1, which is a function or has `method`.
Stream& push_stream(lua_State* lua, const char* kinds, const char* method, bool takes_text) {
  const int type = lua_type(lua, 1);
  const bool is_object = type == LUA_TTABLE || type == LUA_TUSERDATA;
  const bool is_text = takes_text && lua_isstring(lua, 1) != 0;
  luaL_argcheck(lua, is_object || is_text || type == LUA_TFUNCTION, 1, kinds);
  if (is_object) {
    if (luaL_getmetafield(lua, 1, "__index") == LUA_TNIL && type == LUA_TUSERDATA) {
      lua_pushnil(lua);
    } else {
      lua_getfield(lua, 1, method);
    }
    if (lua_isfunction(lua, -1) == 0) {
      luaL_argerror(lua, 1,
                    lua_pushfstring(lua, "%s parameter does not provide :%s function",
                                    takes_text ? "input" : "output", method));
    }
  }
  auto* const stream = new (lua_newuserdatauv(lua, sizeof(Stream), 2)) Stream{lua};
  luaL_setmetatable(lua, kStreamType);
  lua_pushvalue(lua, 1);
  lua_setiuservalue(lua, -2, 1);
  return *stream;
}

std::string_view dictionary_argument(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_optlstring(lua, index, "", &size);
  // What a window holds; zlib uses no more of it, and the checksum is of all.
  luaL_argcheck(lua, size <= (std::size_t{1} << 20U), index, "dictionary is too long");
  return {text, size};
}

int inflate_from(lua_State* lua) {
  constexpr int kAnyHeader = MAX_WBITS + 32;  // zlib's or gzip's.
  const int window_bits = int_argument(lua, 2, kAnyHeader);
  const std::string_view dictionary = dictionary_argument(lua, 3);
  const bool is_text = lua_isstring(lua, 1) != 0;
  std::size_t size = 0;
  // A number becomes a string in its place.
  const char* text = is_text ? lua_tolstring(lua, 1, &size) : "";
  Stream& stream = push_stream(
      lua, "input parameter must be a string, function, table or userdata value", "read", true);
  stream.dictionary = dictionary;
  stream.input = {text, size};
  if (stream.zlib.begin_inflate(lua, window_bits) != Z_OK) {
    return luaL_error(lua, "call to inflateInit2 failed");
  }
  return 1;
}

int deflate_to(lua_State* lua) {
  const DeflateSettings settings = deflate_arguments(lua, 2);
  const std::string_view dictionary = dictionary_argument(lua, 7);
  Stream& stream = push_stream(lua, "output parameter must be a function, table or userdata value",
                               "write", false);
  if (stream.zlib.begin_deflate(lua, settings) != Z_OK) {
    return luaL_error(lua, "call to deflateInit2 failed");
  }
  if (!dictionary.empty() &&
      deflateSetDictionary(&stream.zlib.stream(), reinterpret_cast<const Bytef*>(dictionary.data()),
                           static_cast<unsigned>(dictionary.size())) != Z_OK) {
    return luaL_error(lua, "call to deflateSetDictionnary failed");
  }
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"read", read_stream},   {"lines", stream_lines},
                                 {"write", write_stream}, {"flush", flush_stream},
                                 {"close", close_stream}, {"adler", adler_of_stream},
                                 {nullptr, nullptr}};
constexpr luaL_Reg kMetamethods[] = {
    {"__tostring", stream_text}, {"__gc", collect_stream}, {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {
    {"inflate", inflate_from}, {"deflate", deflate_to}, {nullptr, nullptr}};

}  // namespace

void set_zlib_streams(lua_State* lua) {
  luaL_newmetatable(lua, kStreamType);
  luaL_setfuncs(lua, kMetamethods, 0);
  lua_newtable(lua);  // Scripts see an empty one.
  lua_setfield(lua, -2, "__metatable");
  luaL_newlib(lua, kMethods);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
  luaL_setfuncs(lua, kFunctions, 0);
}

}  // namespace trawl::nse
