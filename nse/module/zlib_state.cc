#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "nse/module/zlib_stream.h"

namespace trawl::nse {
namespace {

// Lua's allocator wants to know a block's size when it is freed: it stands in front.
constexpr std::size_t kHeader = alignof(std::max_align_t);
constexpr std::size_t kPiece = 16'384;

void point_at(z_stream& stream, std::string_view input) {
  constexpr std::size_t kMost = std::numeric_limits<unsigned>::max();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<unsigned>(std::min(input.size(), kMost));
}

}  // namespace

ZlibState::ZlibState(lua_State* lua) {
  allocator_.function = lua_getallocf(lua, &allocator_.context);
  stream_.zalloc = allocate;
  stream_.zfree = release;
  stream_.opaque = &allocator_;
}

void* ZlibState::allocate(void* lua_allocator, unsigned items, unsigned size) {
  const auto& allocator = *static_cast<const Allocator*>(lua_allocator);
  const std::size_t bytes = std::size_t{items} * size + kHeader;
  void* const block = allocator.function(allocator.context, nullptr, 0, bytes);
  if (block == nullptr) return nullptr;
  // zlib's window is read before all of it is written.
  std::memset(block, 0, bytes);
  std::memcpy(block, &bytes, sizeof bytes);
  return static_cast<std::byte*>(block) + kHeader;
}

void ZlibState::release(void* lua_allocator, void* block) {
  const auto& allocator = *static_cast<const Allocator*>(lua_allocator);
  void* const whole = static_cast<std::byte*>(block) - kHeader;
  std::size_t bytes = 0;
  std::memcpy(&bytes, whole, sizeof bytes);
  allocator.function(allocator.context, whole, bytes, 0);
}

int ZlibState::begin_inflate(lua_State* lua, int window_bits) {
  end();
  int answer = inflateInit2(&stream_, window_bits);
  if (answer == Z_MEM_ERROR) {
    lua_gc(lua, LUA_GCCOLLECT);
    answer = inflateInit2(&stream_, window_bits);
  }
  if (answer == Z_OK) kind_ = Kind::Inflate;
  return answer;
}

int ZlibState::begin_deflate(lua_State* lua, const DeflateSettings& settings) {
  end();
  const auto begin = [&] {
    return deflateInit2(&stream_, settings.level, settings.method, settings.window_bits,
                        settings.memory_level, settings.strategy);
  };
  int answer = begin();
  if (answer == Z_MEM_ERROR) {
    lua_gc(lua, LUA_GCCOLLECT);
    answer = begin();
  }
  if (answer == Z_OK) kind_ = Kind::Deflate;
  return answer;
}

void ZlibState::end() {
  if (inflates()) inflateEnd(&stream_);
  if (deflates()) deflateEnd(&stream_);
  kind_ = Kind::None;
}

int ZlibState::inflate_some(std::string_view& input, std::string& output, std::size_t most) {
  std::array<char, kPiece> piece;
  point_at(stream_, input);
  const std::size_t offered = stream_.avail_in;
  stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
  stream_.avail_out = static_cast<unsigned>(std::min(piece.size(), most));
  const std::size_t room = stream_.avail_out;
  const int answer = inflate(&stream_, Z_NO_FLUSH);
  input.remove_prefix(offered - stream_.avail_in);
  output.append(piece.data(), room - stream_.avail_out);
  return answer;
}

int ZlibState::deflate_all(std::string_view input, int flush, std::string& output) {
  std::array<char, kPiece> piece;
  int answer = Z_OK;
  bool more = true;
  while (more) {
    point_at(stream_, input);
    const std::size_t offered = stream_.avail_in;
    stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream_.avail_out = static_cast<unsigned>(piece.size());
    answer = deflate(&stream_, offered == input.size() ? flush : Z_NO_FLUSH);
    input.remove_prefix(offered - stream_.avail_in);
    output.append(piece.data(), piece.size() - stream_.avail_out);
    // A full piece: there may be more to come. Z_BUF_ERROR: there was not.
    more = answer == Z_OK && (stream_.avail_out == 0 || !input.empty());
  }
  return answer == Z_BUF_ERROR ? Z_OK : answer;
}

int int_argument(lua_State* lua, int index, int otherwise) {
  const lua_Integer value = luaL_optinteger(lua, index, otherwise);
  return static_cast<int>(std::clamp<lua_Integer>(value, std::numeric_limits<int>::min(),
                                                  std::numeric_limits<int>::max()));
}

DeflateSettings deflate_arguments(lua_State* lua, int index) {
  DeflateSettings settings;
  settings.level = int_argument(lua, index, settings.level);
  settings.method = int_argument(lua, index + 1, settings.method);
  settings.window_bits = int_argument(lua, index + 2, settings.window_bits);
  settings.memory_level = int_argument(lua, index + 3, settings.memory_level);
  settings.strategy = int_argument(lua, index + 4, settings.strategy);
  return settings;
}

}  // namespace trawl::nse
