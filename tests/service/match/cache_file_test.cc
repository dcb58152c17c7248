#include "service/match/cache_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "service/match/byte_pack.h"

namespace trawl::service {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class CacheFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "trawl-cache-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    folder_ = root_ / "made" / "trawl";
  }
  void TearDown() override { fs::remove_all(root_); }

  // The only file there.
  [[nodiscard]] fs::path file() const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator{folder_}) {
      EXPECT_TRUE(found.empty());
      found = entry.path();
    }
    return found;
  }
  [[nodiscard]] std::optional<std::string> read() const { return read_cache_file(folder_, key_); }
  // With one byte changed.
  void damage(std::streamoff at) const {
    std::fstream stream{file(), std::ios::in | std::ios::out | std::ios::binary};
    stream.seekg(at);
    const char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(at);
    stream.put(byte);
  }

  fs::path root_, folder_;
  CacheKey key_ = cache_key("what");
  std::string bytes_ = "kept\0bytes"s;
};

TEST_F(CacheFile, GivesBackWhatWasKeptUnderItsKey) {
  EXPECT_FALSE(read());
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  EXPECT_EQ(read(), bytes_);
  EXPECT_FALSE(read_cache_file(folder_, cache_key("else")));
  ASSERT_TRUE(write_cache_file(folder_, key_, ""));
  EXPECT_EQ(read(), "");
  // Nothing else is left behind.
  EXPECT_FALSE(file().empty());
}

TEST_F(CacheFile, IsForItsUserAlone) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  struct stat about {};
  ASSERT_EQ(::stat(file().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(folder_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0700U);
}

TEST_F(CacheFile, RefusesWhatIsDamaged) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  const auto size = static_cast<std::streamoff>(fs::file_size(file()));
  for (std::streamoff at = 0; at < size; ++at) {
    damage(at);
    EXPECT_FALSE(read()) << at;
    damage(at);
  }
  EXPECT_EQ(read(), bytes_);
  for (auto left = static_cast<std::uintmax_t>(size); left-- > 0;) {
    fs::resize_file(file(), left);
    EXPECT_FALSE(read()) << left;
  }
}

TEST_F(CacheFile, RefusesAnotherKeysFile) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  const fs::path name = file();
  const fs::path aside = root_ / "aside";
  fs::rename(name, aside);
  ASSERT_TRUE(write_cache_file(folder_, cache_key("else"), "other"));
  fs::rename(file(), name);
  EXPECT_FALSE(read());
}

TEST_F(CacheFile, RefusesLinksFoldersAndFifos) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  const fs::path name = file();
  const fs::path aside = root_ / "aside";
  fs::rename(name, aside);
  fs::create_symlink(aside, name);
  EXPECT_FALSE(read());
  fs::remove(name);
  ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
  EXPECT_FALSE(read());
  fs::remove(name);
  fs::create_directory(name);
  EXPECT_FALSE(read());
}

TEST_F(CacheFile, RefusesWhatOthersMayWrite) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  for (const mode_t mode : {0620U, 0602U}) {
    ASSERT_EQ(::chmod(file().c_str(), mode), 0);
    EXPECT_FALSE(read()) << mode;
  }
  ASSERT_EQ(::chmod(file().c_str(), 0600), 0);
  EXPECT_TRUE(read());
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(file().c_str(), 65534, 65534), 0);
  EXPECT_FALSE(read());
}

TEST_F(CacheFile, AFolderThatCannotBeIsNoError) {
  EXPECT_FALSE(write_cache_file("", key_, bytes_));
  EXPECT_FALSE(write_cache_file("/proc/trawl", key_, bytes_));
  std::ofstream{root_ / "file"} << "x";
  EXPECT_FALSE(write_cache_file((root_ / "file" / "trawl").string(), key_, bytes_));
  EXPECT_FALSE(read_cache_file((root_ / "file").string(), key_));
}

TEST_F(CacheFile, ReplacesALinkInsteadOfFollowingIt) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  const fs::path name = file();
  fs::remove(name);
  std::ofstream{root_ / "precious"} << "precious";
  fs::create_symlink(root_ / "precious", name);
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  EXPECT_EQ(read(), bytes_);
  EXPECT_EQ(fs::file_size(root_ / "precious"), 8U);
}

class OldCacheFiles : public CacheFile {
 protected:
  // So many hours before now.
  void age(const fs::path& path, int hours) const {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours{hours});
  }
  void put(const std::string& name, int hours) const {
    std::ofstream{folder_ / name} << "x";
    age(folder_ / name, hours);
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator{folder_}) all.insert(entry.path().filename());
    return all;
  }
};

TEST_F(OldCacheFiles, GoButForThoseWrittenLast) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  age(file(), 1000);  // The oldest of all.
  const std::string own = file().filename();
  for (int i = 0; i < 10; ++i) put("match-000000000000000" + std::to_string(i) + ".cache", i);
  remove_old_cache_files(folder_, key_);
  std::set<std::string> expected{own};
  for (std::size_t i = 0; i + 1 < kKeptCacheFiles; ++i) {
    expected.insert("match-000000000000000" + std::to_string(i) + ".cache");
  }
  EXPECT_EQ(names(), expected);
  EXPECT_EQ(read(), bytes_);
}

TEST_F(OldCacheFiles, WhatIsNotOfThisCacheStays) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  const std::set<std::string> others{"match-.cache",
                                     "match-00000000000000000.cache",
                                     "match-000000000000000g.cache",
                                     "match-000000000000000A.cache",
                                     "Match-0000000000000000.cache",
                                     "match-0000000000000000.cache~",
                                     "match-0000000000000000.cache.1234567",
                                     "match-0000000000000000.other",
                                     "notes"};
  for (const std::string& name : others) put(name, 1000);
  for (int i = 0; i < 10; ++i) put("match-111111111111111" + std::to_string(i) + ".cache", i);
  // Links and folders of such names, and what belongs to somebody else.
  fs::create_symlink(folder_ / "notes", folder_ / "match-2222222222222222.cache");
  fs::create_directory(folder_ / "match-3333333333333333.cache");
  put("match-4444444444444444.cache", 1000);
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::chown((folder_ / "match-4444444444444444.cache").c_str(), 65534, 65534), 0);
  }
  remove_old_cache_files(folder_, key_);
  const auto left = names();
  for (const std::string& name : others) EXPECT_TRUE(left.contains(name)) << name;
  EXPECT_TRUE(left.contains("match-2222222222222222.cache"));
  EXPECT_TRUE(left.contains("match-3333333333333333.cache"));
  EXPECT_EQ(left.contains("match-4444444444444444.cache"), is_root);
  EXPECT_EQ(left.size(), others.size() + 2U + kKeptCacheFiles + (is_root ? 1U : 0U));
}

TEST_F(OldCacheFiles, WhatACutOffWriteLeftGoesAfterADay) {
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  put("match-0000000000000000.cache.abcdef", 25);
  put("match-0000000000000000.cache.ghijkl", 23);
  remove_old_cache_files(folder_, key_);
  EXPECT_FALSE(names().contains("match-0000000000000000.cache.abcdef"));
  EXPECT_TRUE(names().contains("match-0000000000000000.cache.ghijkl"));
  remove_old_cache_files((root_ / "none").string(), key_);
}

TEST_F(OldCacheFiles, ManyMayWriteAndRemoveAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int round = 0; round < 50; ++round) {
        const CacheKey key = cache_key(std::to_string(i * 50 + round));
        EXPECT_TRUE(write_cache_file(folder_, key, bytes_));
        remove_old_cache_files(folder_, key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(write_cache_file(folder_, key_, bytes_));
  remove_old_cache_files(folder_, key_);
  EXPECT_EQ(names().size(), kKeptCacheFiles);
  EXPECT_EQ(read(), bytes_);
}

class Environment : public testing::Test {
 protected:
  void TearDown() override {
    set("XDG_CACHE_HOME", cache_);
    set("HOME", home_);
  }
  static std::optional<std::string> get(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
  }
  static void set(const char* name, const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name, value->c_str(), 1);
    } else {
      ::unsetenv(name);
    }
  }

  std::optional<std::string> cache_ = get("XDG_CACHE_HOME"), home_ = get("HOME");
};

TEST_F(Environment, SaysWhereTheCacheIs) {
  set("XDG_CACHE_HOME", "/some/where");
  set("HOME", "/some/body");
  EXPECT_EQ(default_cache_folder(), "/some/where/trawl");
  const bool is_root = ::geteuid() == 0;
  // The specification of base folders says to ignore paths that are not absolute.
  set("XDG_CACHE_HOME", "some/where");
  EXPECT_EQ(default_cache_folder(), is_root ? "/var/cache/trawl" : "/some/body/.cache/trawl");
  set("XDG_CACHE_HOME", std::nullopt);
  EXPECT_EQ(default_cache_folder(), is_root ? "/var/cache/trawl" : "/some/body/.cache/trawl");
  set("HOME", std::nullopt);
  EXPECT_EQ(default_cache_folder(), is_root ? "/var/cache/trawl" : "");
}

TEST(BytePack, ReadsWhatWasWrittenAndNothingMore) {
  PackWriter writer;
  writer.number(7);
  writer.bytes("a\0b"s);
  const std::string packed = writer.take();
  PackReader reader{packed};
  EXPECT_EQ(reader.number(), 7U);
  EXPECT_EQ(reader.bytes(), "a\0b"s);
  EXPECT_TRUE(reader.is_at_end());
  EXPECT_EQ(reader.number(), 0U);
  EXPECT_FALSE(reader.is_good());
  for (std::size_t size = 0; size < packed.size(); ++size) {
    PackReader cut{std::string_view{packed}.substr(0, size)};
    cut.number();
    EXPECT_EQ(cut.bytes(), "");
    EXPECT_FALSE(cut.is_at_end());
  }
  PackReader count{packed};
  // Seven things of four bytes each are not there.
  EXPECT_EQ(count.count(4), 0U);
  EXPECT_FALSE(count.is_good());
}

}  // namespace
}  // namespace trawl::service
