#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trawl::service {

// What a cache's bytes are about: they are good for the same key only.
using CacheKey = std::array<std::uint8_t, 32>;  // SHA-256.

[[nodiscard]] CacheKey cache_key(std::string_view about);

// The bytes kept under a key in a folder, unchanged since. nullopt where there is no such file, or
// it is a link, belongs to somebody else, may be written by others, or is damaged.
[[nodiscard]] std::optional<std::string> read_cache_file(const std::string& folder,
                                                         const CacheKey& key);

// Keeps them, for this user alone; the folder is made where it is missing. All at once: nobody
// reads half of it. False where the folder or the disk does not allow it.
bool write_cache_file(const std::string& folder, const CacheKey& key, std::string_view bytes);

// Removes what other signatures, processors and versions left behind: of the files of all keys that
// belong to this user, all but the kKeptCacheFiles written last, and what a write that was cut off
// left more than a day ago. Touches nothing that does not look like a file of this cache, and never
// the one of this key. Other processes may read, write and remove files meanwhile.
void remove_old_cache_files(const std::string& folder, const CacheKey& key);
inline constexpr std::size_t kKeptCacheFiles = 8;

// $XDG_CACHE_HOME/trawl; /var/cache/trawl for root; else ~/.cache/trawl. "" for none.
[[nodiscard]] std::string default_cache_folder();

}  // namespace trawl::service
