#pragma once

#include <zlib.h>

#include <cstddef>
#include <lua.hpp>
#include <string>
#include <string_view>

namespace trawl::nse {

// What one call may decompress to, in bytes: a few kilobytes can mean gigabytes.
constexpr std::size_t kMostInflated = std::size_t{64} << 20U;

// What deflateInit2() takes.
struct DeflateSettings {
  int level = Z_DEFAULT_COMPRESSION;
  int method = Z_DEFLATED;
  int window_bits = MAX_WBITS;
  int memory_level = 8;
  int strategy = Z_DEFAULT_STRATEGY;
};

// zlib's state, whose memory counts against that of the Lua state.
class ZlibState {
 public:
  explicit ZlibState(lua_State* lua);
  ~ZlibState() { end(); }
  ZlibState(const ZlibState&) = delete;
  ZlibState& operator=(const ZlibState&) = delete;

  // zlib's answer, such as Z_OK. `lua` collects garbage when memory ran out, before a second try.
  int begin_inflate(lua_State* lua, int window_bits);
  int begin_deflate(lua_State* lua, const DeflateSettings& settings);
  void end();

  [[nodiscard]] bool inflates() const noexcept { return kind_ == Kind::Inflate; }
  [[nodiscard]] bool deflates() const noexcept { return kind_ == Kind::Deflate; }
  [[nodiscard]] z_stream& stream() noexcept { return stream_; }

  // Takes bytes from the front of `input` and adds what they mean to `output`, at most `most` bytes
  // more. Z_OK or Z_BUF_ERROR: goes on with more input or room.
  int inflate_some(std::string_view& input, std::string& output, std::size_t most);
  // All of `input`, up to `flush` (Z_NO_FLUSH, Z_FINISH...).
  int deflate_all(std::string_view input, int flush, std::string& output);

 private:
  enum class Kind : unsigned char { None, Inflate, Deflate };
  static void* allocate(void* lua_allocator, unsigned items, unsigned size);
  static void release(void* lua_allocator, void* block);

  struct Allocator {
    lua_Alloc function = nullptr;
    void* context = nullptr;
  } allocator_;
  z_stream stream_{};
  Kind kind_ = Kind::None;
};

// Sets "inflate" and "deflate" in the table on top.
void set_zlib_streams(lua_State* lua);

// The optional argument, as an int: what does not fit is its nearest.
[[nodiscard]] int int_argument(lua_State* lua, int index, int otherwise);
// Five arguments from `index`.
[[nodiscard]] DeflateSettings deflate_arguments(lua_State* lua, int index);

}  // namespace trawl::nse
